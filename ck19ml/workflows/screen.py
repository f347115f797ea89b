"""Screen a plate's compounds with a model.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates.store import open_dataset
from ck19ml.workflows.data import Outcome


def screen_command(
    uri: str, path: Path, out: Path | None, *, target: str, fdr: float, overwrite: bool
) -> Outcome:
    """Answer which compounds change the interaction, and at what concentration.

    Raises
    ------
    ConfigError
        If the false discovery rate is not between 0 and 1.
    PlateError
        If the output is no folder, or holds files and may not be overwritten.
    """
    if not 0 < fdr < 1:
        raise ConfigError(f"expected a false discovery rate between 0 and 1, found {fdr}; as 0.05")
    if out is not None:
        _require_folder(out, overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.screening.run import screen_model

    return screen_model(uri, dataset, out, target=target, fdr=fdr)


def _require_folder(out: Path, overwrite: bool) -> None:
    if out.exists() and not out.is_dir():
        raise PlateError(f"expected a folder for the tables at {out}, found a file; choose another")
    if out.is_dir() and any(out.iterdir()) and not overwrite:
        raise PlateError(f"expected {out} to be new or empty, found files; add --overwrite")
    if not out.parent.is_dir():
        raise PlateError(f"expected the folder {out.parent}, found none; make it first")
