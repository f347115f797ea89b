PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup tune test test-all test-lowest test-newest check bench bench-full docs faults ui lock clean

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(STAMP)

tune: setup
	PATH="$(CURDIR)/$(BIN):$$PATH" mlflow run . -e tune --env-manager local

# Two workers; a file's tests stay together, as they share what they made.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

test: setup
	$(PYTEST) -m "not slow"

# Also those that train, start servers, kill processes and open a browser: what CI runs.
test-all: setup
	$(PYTEST)

# Need uv: the suite for every save on the lowest, and on the newest, versions that pyproject.toml
# allows. PYTHON=python3.13 takes another Python, TESTS=tests/tracking other tests.
TESTS ?= -m "not slow"
test-lowest: RESOLUTION = lowest-direct
test-newest: RESOLUTION = highest
test-lowest test-newest: test-%:
	uv venv --quiet --clear --seed --python $(PYTHON) .venv-$*
	uv pip install --quiet --python .venv-$*/bin/python --resolution $(RESOLUTION) -e '.[dev,wellmap]'
	.venv-$*/bin/python -m pytest -n 2 --dist loadfile $(TESTS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/python .ci/house.py
	$(BIN)/mypy

# Short forms of all benchmarks, as one table.
bench: setup
	$(BIN)/python benchmarks/table.py

# Hours: what the docs quote.
bench-full: setup
	$(BIN)/python benchmarks/table.py --full

# Kills processes of studies at 50 random moments; needs PostgreSQL.
faults: setup
	$(BIN)/python -m tests.faults.kills --kills 50

# The site in site/; a broken link ends it.
docs: setup
	NO_MKDOCS_2_WARNING=true $(BIN)/mkdocs build --strict

ui: setup
	$(BIN)/ck19ml ui

# Needs uv. Resolves pyproject.toml for every platform and Python from 3.11.1 on.
lock:
	uv pip compile pyproject.toml --extra dev --extra wellmap --universal --python-version 3.11.1 \
	  --generate-hashes --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv .venv-lowest .venv-newest build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
