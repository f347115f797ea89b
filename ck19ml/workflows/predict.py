"""Score a plate with a registered model. Inexpensive checks run before Keras and MLflow load."""

from pathlib import Path

from ck19ml.files.writing import require_all_new
from ck19ml.plates.folder import find_plate
from ck19ml.workflows.outcome import Outcome


def predict_command(
    uri: str, folder: Path, out: Path, *, patches: Path | None, overwrite: bool
) -> Outcome:
    """Score every well of a plate folder; a layout is joined where the folder has one."""
    require_all_new((out, patches), overwrite=overwrite)
    plate = find_plate(folder)
    from ck19ml.workflows.steps.predict import predict_plate

    return predict_plate(uri, plate, out, patches)
