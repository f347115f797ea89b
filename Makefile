PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
UV := $(BIN)/uv
COMPILE := $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: setup tune test test-all test-lowest test-newest check bench bench-full unet docs faults ui lock clean

setup: $(STAMP)

# uv as the lock pins it installs the rest in a sixth of pip's time; where uv cannot be had, or
# cannot reach the packages, pip installs the same. Where Python may not write byte code, it is
# compiled here, for 28 s: otherwise every start would compile TensorFlow anew, for 16 s.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	awk '/^[a-z]/ { ours = /^uv==/ } ours' requirements.lock > .venv/uv.txt
	$(PIP) --require-hashes -r .venv/uv.txt \
	  && $(UV) pip install --quiet $(COMPILE) --python $(BIN)/python --require-hashes -r requirements.lock \
	  || $(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	touch $(STAMP)

tune: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" mlflow run . -e tune --env-manager local

# Two workers; the tests of a file stay together because they share fixtures.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

test: setup
	$(PYTEST) -m "not slow"

# Also tests that train, start servers, kill processes and open a browser: what CI runs.
test-all: setup
	$(PYTEST)

# The fast suite on the lowest, and on the newest, versions that pyproject.toml allows.
# PYTHON=python3.13 takes another Python, TESTS=tests/tracking other tests.
TESTS ?= -m "not slow"
test-lowest: RESOLUTION = lowest-direct
test-newest: RESOLUTION = highest
test-lowest test-newest: test-%: setup
	$(UV) venv --quiet --clear --seed --python $(PYTHON) .venv-$*
	$(UV) pip install --quiet $(COMPILE) --python .venv-$*/bin/python --resolution $(RESOLUTION) -e '.[dev,wellmap]'
	.venv-$*/bin/python -m pytest -n 2 --dist loadfile $(TESTS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py
	$(BIN)/mypy

# Short forms of all benchmarks in one table, which is written into the docs.
bench: setup
	$(BIN)/python benchmarks/table.py --write docs/performance.md

# The full forms, which the docs quote; takes hours.
bench-full: setup
	$(BIN)/python benchmarks/table.py --full --write docs/performance.md

# Train the mask network that comes with the package; about 5 min of CPU.
unet: setup
	rm -rf build/unet
	mkdir -p build/unet
	cd build/unet && MLFLOW_TRACKING_URI=sqlite:///mlflow.db $(CURDIR)/$(BIN)/ck19ml unet -c $(CURDIR)/experiments/unet.yaml -s out=shipped
	cp build/unet/shipped/network.keras build/unet/shipped/card.json ck19ml/networks/shipped/

# Kill processes of studies at 50 random moments; needs PostgreSQL.
faults: setup
	$(BIN)/python -m tests.faults.kills --kills 50

# Build the site in site/; a broken link fails.
docs: setup
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

ui: setup
	$(BIN)/ck19ml ui

# Resolves pyproject.toml for every platform and Python from 3.11.1 on; versions that still fit stay.
lock: setup
	$(UV) pip compile pyproject.toml --extra dev --extra wellmap --universal --python-version 3.11.1 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv .venv-lowest .venv-newest build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
