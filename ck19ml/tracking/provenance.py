"""What a run notes of where it comes from: its config, the commit, the versions."""

import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

PACKAGES = ("keras", "mlflow", "numpy", "optuna", "pandas", "scikit-learn", "tensorflow", "zarr")


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join the keys of nested mappings by dots.

    Examples
    --------
    >>> flatten({"fit": {"epochs": 3}, "seed": 1})
    {'fit.epochs': 3, 'seed': 1}
    """
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def commit() -> dict[str, str]:
    """Name the commit of the working directory as MLflow's tag does; empty without git."""
    git = shutil.which("git")
    if git is None:
        return {}
    found = subprocess.run([git, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return {"mlflow.source.git.commit": found.stdout.strip()} if found.returncode == 0 else {}


def environment() -> dict[str, str]:
    """Versions of Python and of `PACKAGES`."""
    return {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}
