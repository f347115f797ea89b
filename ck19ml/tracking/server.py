"""The tracking server: its address, and whether it answers."""

import logging
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")  # without git it prints ten lines

import mlflow
from mlflow import MlflowClient
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from ck19ml.errors import TrackingError, without_secrets
from ck19ml.files.yaml_text import read_yaml
from ck19ml.tracking import sqlite_store

TIMEOUT_S = 5.0

RESTART_S = 30.0
"""Seconds that a server may take to come back while a study runs."""

LOOK_S = 0.5
"""Seconds between two looks for it."""

KIND_TAG = "mlflow.experimentKind"
KIND = "custom_model_development"
"""Tag without which MLflow 3 opens an experiment in its view for language models."""

DESCRIPTION = """Runs of ck19ml. Compare classifiers by `test/well_accuracy`, regressors by
`test/overlap_mse`, autoencoders by `test/bce`, screens by their `screen/z_prime_...`; each run's
description says how it compares with its baselines."""


@cache
def client() -> MlflowClient:
    """Return the client of the tracking server that MLFLOW_TRACKING_URI names.

    Raises
    ------
    TrackingError
        If the server does not answer within 5 s, the database is not there, or its file cannot be
        written; MLflow itself would retry for minutes.
    """
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It prints a traceback of each database error before it raises it.
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    uri = mlflow.get_tracking_uri()
    if uri.startswith("postgresql://"):
        # In full: the driver behind the short name depends on SQLAlchemy's version.
        uri = uri.replace("postgresql", "postgresql+psycopg2", 1)
        mlflow.set_tracking_uri(uri)
    if uri.startswith(("http://", "https://")):
        _require_answer(uri)
    file = sqlite_store.file_of(uri)
    if file is not None:
        sqlite_store.require_writable(file)
    try:
        if file is not None and not file.exists():
            sqlite_store.make(file)
        if uri.startswith("postgresql+"):
            # MLflow would try ten times, for 100 s.
            create_engine(uri, poolclass=NullPool).connect().close()
        found = MlflowClient()
        found.search_experiments(max_results=1)
    except Exception as error:
        if file is not None:
            sqlite_store.require_finished(file)
        raise TrackingError(
            f"cannot open the tracking store at {without_password(uri)}: {_reason(error)}; check "
            "MLFLOW_TRACKING_URI and the store's permissions"
        ) from error
    return found


def _require_answer(uri: str) -> None:
    try:
        # Without the password, which urllib takes for a part of the host name.
        address = without_password(uri).rstrip("/")
        with urllib.request.urlopen(f"{address}/health", timeout=TIMEOUT_S):  # noqa: S310
            return
    except urllib.error.HTTPError:
        return  # it answers, if not at this address (a proxy that asks for a login)
    except (OSError, ValueError) as error:
        raise TrackingError(
            f"no MLflow server answers at {without_password(uri)} "
            f"({getattr(error, 'reason', error)}); start it or change MLFLOW_TRACKING_URI"
        ) from error


def answers() -> bool:
    """Return whether the tracking store accepts a write now."""
    uri = mlflow.get_tracking_uri()
    try:
        if uri.startswith(("http://", "https://")):
            _require_answer(uri)
    except TrackingError:
        return False
    return True


def location() -> str:
    """Return the tracking store's URI, valid from any folder."""
    uri = str(mlflow.get_tracking_uri())
    name = uri.removeprefix("sqlite:///")
    if name == uri or name.startswith("/"):
        return uri
    return f"sqlite:///{Path(name).resolve()}"


def use(uri: str) -> None:
    """Track at this URI from now on: a worker uses the command's store.

    The command has reached the server, which may be restarting: it is waited for up to `RESTART_S`.
    """
    if uri != mlflow.get_tracking_uri():
        mlflow.set_tracking_uri(uri)
        client.cache_clear()
    started = time.monotonic()
    while not answers() and time.monotonic() - started < RESTART_S:
        time.sleep(LOOK_S)


@contextmanager
def lost_in_one_line() -> Iterator[None]:
    """Turn errors of a lost or full tracking store into one line.

    Raises
    ------
    TrackingError
        Instead of what MLflow raises, which tries a server for minutes before.
    """
    try:
        yield
    except mlflow.MlflowException as error:
        uri = without_password(mlflow.get_tracking_uri())
        if says_absent(error):
            wrong = "lacks the run or the experiment that it was asked for"
            remedy = "check MLFLOW_EXPERIMENT_NAME, MLFLOW_EXPERIMENT_ID and MLFLOW_RUN_ID"
        else:
            wrong, remedy = "failed", "run the same command again to resume"
        raise TrackingError(
            f"the tracking store at {uri} {wrong}: {_reason(error)}; {remedy}"
        ) from error


def _reason(error: BaseException) -> str:
    """Return the innermost cause of an error: MLflow, SQLAlchemy and requests wrap it."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(without_secrets(str(error)).split())
    return text[:200] or type(error).__name__


def says_absent(error: mlflow.MlflowException) -> bool:
    """Return whether the store says that there is no such thing; otherwise it could not answer.

    MLflow calls an alias that a model does not have, and an id that is none, an invalid value.
    """
    return error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def without_password(uri: str) -> str:
    """Return the URI without user name and password, for messages."""
    parts = urlsplit(uri)
    if "@" not in parts.netloc:
        return uri
    return parts._replace(netloc=parts.netloc.rsplit("@", 1)[1]).geturl()


def experiment_id() -> str:
    """Return the id of this process' experiment, which is created if there is none yet.

    The active run's comes first, then the one that MLflow's own variables name, then the
    project's: see `project_name`.

    Raises
    ------
    TrackingError
        If the experiment was deleted.
    """
    run = mlflow.active_run()
    if run is not None:
        return str(run.info.experiment_id)
    known, name = client(), os.environ.get("MLFLOW_EXPERIMENT_NAME")
    identifier = None if name else os.environ.get("MLFLOW_EXPERIMENT_ID")
    if identifier:
        found = known.get_experiment(identifier)
    else:
        name = name or project_name()
        found = known.get_experiment_by_name(name)
        if found is None:
            try:
                known.create_experiment(name)
            except mlflow.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":  # another process was faster
                    raise
            found = known.get_experiment_by_name(name)
    if found.lifecycle_stage != "active":
        raise TrackingError(
            f"the experiment '{found.name}' was deleted; restore it with 'mlflow experiments "
            f"restore --experiment-id {found.experiment_id}', or name another with "
            "MLFLOW_EXPERIMENT_NAME"
        )
    return str(found.experiment_id)


def project_name() -> str:
    """Return the name in the working directory's MLproject; ``ck19ml`` where there is none."""
    try:
        name = read_yaml(Path("MLproject")).get("name")
    except (OSError, ValueError, AttributeError):
        name = None
    return name.strip() if isinstance(name, str) and name.strip() else "ck19ml"


def mark_experiment(identifier: str) -> None:
    """Describe an experiment, and make the MLflow UI open it as a list of training runs."""
    experiment = client().get_experiment(identifier)
    for key, text in ((KIND_TAG, KIND), ("mlflow.note.content", DESCRIPTION)):
        if key not in experiment.tags:
            client().set_experiment_tag(identifier, key, text)
