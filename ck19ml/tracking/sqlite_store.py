"""A tracking store in a SQLite file, created completely or not at all."""

import os
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

from mlflow import MlflowClient

from ck19ml.errors import TrackingError
from ck19ml.files.writing import atomically


def file_of(uri: str) -> Path | None:
    """Return the file that a URI such as ``sqlite:///mlflow.db`` names; None for any other."""
    name = uri.removeprefix("sqlite:///").partition("?")[0]
    return None if uri == name or name in ("", ":memory:") else Path(name)


def require_writable(file: Path) -> None:
    """Refuse a file that cannot be written: MLflow itself would retry for minutes.

    Raises
    ------
    TrackingError
    """
    place = next(each for each in (file, *file.parents) if each.exists())
    effective = os.access in os.supports_effective_ids
    writable = os.access(place, os.W_OK, effective_ids=effective)
    fits = place.is_file() if place == file else place.is_dir()
    if not (writable and fits):
        raise TrackingError(
            f"cannot use the tracking store sqlite:///{file}: {place} "
            f"{'cannot hold it' if writable else 'is read-only'}; check MLFLOW_TRACKING_URI and "
            "permissions"
        )


def make(file: Path) -> None:
    """Create a store.

    MLflow itself runs a series of separate migrations: a process that is killed between two of
    them, or two first commands at once, leave a file that no later start can use.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        made = Path(place, "made.db")
        MlflowClient(tracking_uri=f"sqlite:///{made}").search_experiments(max_results=1)
        # Another process may have been faster, and may already use its store.
        with (
            atomically(file, keep_existing=True) as whole,
            closing(sqlite3.connect(made)) as old,
            closing(sqlite3.connect(whole)) as new,
        ):
            old.backup(new)


def require_finished(file: Path) -> None:
    """Refuse a store without the first experiment, which MLflow adds last when it creates one.

    ``mlflow run`` and ``mlflow ui`` create it themselves, and may be killed meanwhile.

    Raises
    ------
    TrackingError
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(file)) as store:
        tables = {name for (name,) in store.execute("SELECT name FROM sqlite_master")}
        if "alembic_version" not in tables:
            return
        if "experiments" in tables and store.execute("SELECT 1 FROM experiments").fetchone():
            return
        raise TrackingError(
            f"the tracking store sqlite:///{file} is incomplete and has no runs: MLflow did not "
            f"finish creating it; remove {file} unless another command is creating it now, and "
            "rerun the command"
        )
