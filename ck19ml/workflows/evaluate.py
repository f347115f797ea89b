"""Evaluate a registered model on a dataset, and score plates with it.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.plates.folder import find_plate
from ck19ml.plates.store import open_dataset
from ck19ml.workflows.data import Outcome
from ck19ml.workflows.output import require_all_new, require_folder


def evaluate_command(uri: str, path: Path, figures: Path | None, *, overwrite: bool) -> Outcome:
    """Evaluate a model on the wells of a dataset that it has not seen, in a tracked run."""
    if figures is not None:
        require_folder(figures, overwrite=overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.scored import evaluate_model

    return evaluate_model(uri, dataset, figures)


def predict_command(
    uri: str, folder: Path, out: Path, *, patches: Path | None, overwrite: bool
) -> Outcome:
    """Score every well of a plate folder; a layout is joined where the folder has one."""
    require_all_new((out, patches), overwrite=overwrite)
    plate = find_plate(folder)
    from ck19ml.workflows.scored import predict_plate

    return predict_plate(uri, plate, out, patches)
