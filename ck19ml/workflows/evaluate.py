"""Evaluate a registered model on a dataset, and score plates with it.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.plates.folder import find_plate
from ck19ml.plates.store import open_dataset
from ck19ml.workflows.data import Outcome


def evaluate_command(uri: str, path: Path, figures: Path | None) -> Outcome:
    """Evaluate a model on the wells of a dataset that it has not seen, in a tracked run."""
    dataset = open_dataset(path)
    from ck19ml.workflows.scored import evaluate_model

    return evaluate_model(uri, dataset, figures)


def predict_command(
    uri: str, folder: Path, out: Path, *, patches: Path | None, overwrite: bool
) -> Outcome:
    """Score every well of a plate folder; a layout is joined where the folder has one."""
    for path in filter(None, (out, patches)):
        if path.exists() and not overwrite:
            raise PlateError(f"expected {path} to be new, found a file; add --overwrite")
        if not path.parent.is_dir():
            raise PlateError(f"expected the folder {path.parent}, found none; make it first")
    plate = find_plate(folder)
    from ck19ml.workflows.scored import predict_plate

    return predict_plate(uri, plate, out, patches)
