"""Provenance of a run: its config, the commit, the package versions."""

import sys
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import pandas as pd
from mlflow.utils.git_utils import get_git_commit

PACKAGES = ("keras", "mlflow", "numpy", "optuna", "pandas", "scikit-learn", "tensorflow", "zarr")


def flatten(values: Mapping[str, Any]) -> dict[str, Any]:
    """Join the keys of nested mappings by dots.

    Examples
    --------
    >>> flatten({"fit": {"epochs": 3}, "seed": 1})
    {'seed': 1, 'fit.epochs': 3}
    """
    records = pd.json_normalize(dict(values)).to_dict("records")
    return dict(*records)


def commit() -> dict[str, str]:
    """Return the commit of the working directory as MLflow's tag; empty without git."""
    found = get_git_commit(".")
    return {"mlflow.source.git.commit": found} if found else {}


def environment() -> dict[str, str]:
    """Return the versions of Python and of `PACKAGES`."""
    return {"python": sys.version.split()[0], **{name: version(name) for name in PACKAGES}}
