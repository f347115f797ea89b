"""Evaluate a registered model on a dataset, and score plates with it.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.files.writing import require_folder
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.workflows.outcome import Outcome


def evaluate_command(
    uri: str,
    path: Path,
    figures: Path | None,
    *,
    overwrite: bool,
    umap: bool = False,
    explain: str = "",
) -> Outcome:
    """Evaluate a model on the wells of a dataset that it has not seen, in a tracked run.

    Parameters
    ----------
    explain : str
        Names of wells to explain, with commas; or how many.
    """
    if figures is not None:
        require_folder(figures, overwrite=overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.steps.evaluate import evaluate_model

    names = [name.strip() for name in explain.split(",") if name.strip()]
    which = int(explain) if explain.strip().isdecimal() else names
    return evaluate_model(uri, dataset, figures, "umap" if umap else "pca", which)
