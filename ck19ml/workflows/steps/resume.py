"""Resumption of an interrupted training, from its checkpoint beside the dataset."""

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ck19ml import __version__
from ck19ml.files.fingerprint import fingerprint
from ck19ml.networks.settings import AutoencoderSettings
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import dead_runs, runs
from ck19ml.tracking.runs import Run
from ck19ml.workflows.progress import say
from ck19ml.workflows.steps.split import Split

if TYPE_CHECKING:  # they load Keras
    from ck19ml.networks.architectures import Network
    from ck19ml.networks.checkpoint import Checkpoint

FOLDER = ".ck19ml"


def checkpoint_of(what: str, dataset: Dataset, *parts: Any) -> "Checkpoint":
    """Name the checkpoint of a training by all that it depends on; it may not be there yet.

    Parameters
    ----------
    what : str
        What is trained, as the user knows it.
    parts
        JSON-like values: settings, seed, wells, and the fingerprint of the encoder.
    """
    from ck19ml.networks.checkpoint import Checkpoint

    mark = fingerprint(what, __version__, dataset.content_hash, *parts)
    return Checkpoint(
        dataset.path.absolute().parent / FOLDER / "checkpoints" / mark,
        lambda epoch: say(f"{what}: resuming at epoch {epoch}"),
    )


def find_autoencoder(
    config: AutoencoderSettings, split: Split, seed: int
) -> tuple[str, Run | None]:
    """Return the mark of an autoencoder on this data, and the finished run that has it."""
    settings = config.model_dump(mode="json", include=set(AutoencoderSettings.model_fields))
    mark = fingerprint("autoencoder", settings, seed, split.dataset.content_hash, split.classes,
                       split.fingerprints(), int(split.held_out.sum()))  # fmt: skip
    found = runs.find_finished(mark, "autoencoder")
    if found is not None:
        say(f"autoencoder: already trained by run {found.id}")
    return mark, found


def weights_mark(network: "Network") -> str:
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
