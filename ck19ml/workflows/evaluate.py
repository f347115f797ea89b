"""Evaluate a registered model on a dataset, and score plates with it.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from pathlib import Path

from ck19ml.files.writing import require_folder
from ck19ml.plates.dataset.store import open_dataset
from ck19ml.workflows.outcome import Outcome


def evaluate_command(
    uri: str, path: Path, figures: Path | None, *, overwrite: bool, umap: bool = False
) -> Outcome:
    """Evaluate a model on the wells of a dataset that it has not seen, in a tracked run."""
    if figures is not None:
        require_folder(figures, overwrite=overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.steps.evaluate import evaluate_model

    return evaluate_model(uri, dataset, figures, "umap" if umap else "pca")
