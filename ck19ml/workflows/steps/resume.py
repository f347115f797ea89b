"""Resumption of an interrupted training, from its checkpoint beside the dataset."""

import hashlib
from typing import Any

import numpy as np

from ck19ml import __version__
from ck19ml.files.fingerprint import fingerprint
from ck19ml.networks.architectures import Network
from ck19ml.networks.checkpoint import Checkpoint
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import dead_runs
from ck19ml.workflows.progress import say

FOLDER = ".ck19ml"


def checkpoint_of(what: str, dataset: Dataset, *parts: Any) -> Checkpoint:
    """Name the checkpoint of a training by all that it depends on; it may not be there yet.

    Parameters
    ----------
    what : str
        What is trained, as the user knows it.
    parts
        JSON-like values: settings, seed, wells, and the fingerprint of the encoder.
    """
    mark = fingerprint(what, __version__, dataset.content_hash, *parts)
    return Checkpoint(
        dataset.path.absolute().parent / FOLDER / "checkpoints" / mark,
        lambda epoch: say(f"{what}: resuming at epoch {epoch}"),
    )


def weights_mark(network: Network) -> str:
    """Fingerprint of a network's weights: an alias may name another model tomorrow."""
    found = hashlib.sha256()
    for array in network.get_weights():
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()[:16]


def repair_runs() -> None:
    """End the runs whose process died, and say so."""
    found = dead_runs.repair()
    if found:
        names = ", ".join(f"{run.name} ({run.id[:8]})" for run in found)
        say(f"tracking: marked {len(found)} runs of dead processes as KILLED: {names}")
