# docker build -t ck19ml . : the versions of requirements.lock, verified by their hashes.
FROM python:3.11-slim-bookworm
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
WORKDIR /opt/ck19ml
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE MLproject ./
COPY experiments ./experiments
COPY ck19ml ./ck19ml
RUN pip install --no-deps --no-build-isolation . \
  && useradd --create-home --uid 1000 ck19 \
  && install --directory --owner ck19 /work /artifacts
USER ck19
WORKDIR /work
# No entry point: MLflow's docker_env runs `python -m ck19ml ...` in the image.
CMD ["ck19ml", "--help"]
