"""A trained network with all it needs to score raw fields, as the registry stores it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core import mask_methods
from ck19ml.core.closed_form.wells import as_wells, pool_wells
from ck19ml.core.measurements.table import measure, seen
from ck19ml.core.patches import cut, is_faulty, raise_background
from ck19ml.core.scores.calibration import tempered
from ck19ml.core.scores.metrics import well_probabilities
from ck19ml.errors import PlateError
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import Patches
from ck19ml.networks.card import FAULTY, Card, read_card, require_outputs
from ck19ml.networks.closed_form.head import head_logits
from ck19ml.networks.mask_model import MaskNetwork, load_mask_network
from ck19ml.networks.settings import WITH_ENCODER
from ck19ml.networks.training import PREDICT_BATCH, predict, predict_features
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.unraised import unraised
from ck19ml.plates.preparation.settings import NETWORK_FOLDER
from ck19ml.plates.requests import requested_fields

POOLED = "encoder.keras"
"""File of a model's folder with the encoder that a closed-form head sees, if it sees one."""

PORTION = 8 * PREDICT_BATCH
"""Patches in memory at a time: whole batches, so that results are those of all at once."""

ONE_FIELD = Lock()
"""Held while a field is scored: a server answers several clients in threads."""


class Scorer:
    """A network that scores patches and raw fields; saved and loaded without pickle.

    Attributes
    ----------
    network : keras.Model
        From patches to the answer; of a closed form the head, from pooled features.
    card : Card
        What the model is, and what it was trained on.
    mask_network : MaskNetwork, optional
        What made the masks, if a network did.
    pooled : keras.Model, optional
        Of a closed form, the encoder that it sees, see `closed_form.pooled_encoder`.
    """

    def __init__(
        self,
        network: Network,
        card: Card,
        mask_network: MaskNetwork | None = None,
        pooled: Network | None = None,
    ) -> None:
        self.network, self.card, self.mask_network = network, card, mask_network
        self.pooled = pooled

    def __repr__(self) -> str:
        card = self.card
        if card.kind == "classifier":
            return f"Scorer(classifier of {', '.join(card.classes)}; {card.recipe})"
        return f"Scorer({card.kind} trained on {card.dataset['name']})"

    def changed(self, **values: Any) -> "Scorer":
        """Return the same model with these values in its card."""
        return Scorer(self.network, self.card.changed(**values), self.mask_network, self.pooled)

    @property
    def has_encoder(self) -> bool:
        """True if the network has an encoder; regressors with the head ``masks`` have none."""
        return any(layer.name == "encoder" for layer in self.network.layers)

    @property
    def encoder(self) -> Network:
        """Part of the network that turns patches into features."""
        return self.network.get_layer("encoder")

    def save(self, folder: Path) -> Path:
        """Write the network, its card and any mask network into a new folder."""
        folder.mkdir(parents=True)
        if self.mask_network is not None:
            self.mask_network.save(folder / NETWORK_FOLDER)
        self.network.save(folder / "network.keras")
        if self.pooled is not None:
            self.pooled.save(folder / POOLED)
        self.card.write(folder)
        return folder

    def predict_patches(self, patches: Patches) -> NDArray[np.float32]:
        """Run the network on patches, see `read` and `cut`.

        Returns
        -------
        ndarray, float32
            Class probabilities (n, classes), overlaps (n, 1) or reconstructions.
        """
        if self.card.closed_form:
            return self.answers(self.features(patches))
        outputs = predict(self.network, patches)
        if self.card.kind != "classifier":
            return outputs
        return tempered(outputs.astype(np.float64), self.card.temperature).astype(np.float32)

    def features(self, patches: Patches) -> NDArray[np.float32]:
        """Return what the head sees of patches, (n, features), float32; NaN where missing."""
        if not self.card.closed_form:
            return predict(self.encoder, patches)
        seen = [] if patches.measurements is None else [patches.measurements]
        if self.pooled is not None:
            seen.append(predict(self.pooled, patches))
        return np.concatenate(seen, axis=1, dtype=np.float32)

    def answers(
        self, features: NDArray[np.floating], well: NDArray[np.integer] | None = None
    ) -> NDArray[np.float32]:
        """Answer by a closed-form head.

        Parameters
        ----------
        features : ndarray, (n, features)
            Of patches, see `features`.
        well : ndarray of int, (n,), optional
            Index of each patch's well, 0 .. wells - 1; by default each patch is answered alone.

        Returns
        -------
        ndarray, (n or wells, classes), float32
            Class probabilities.
        """
        each = features.astype(np.float64)
        pooled = as_wells(each) if well is None else pool_wells(each, well)
        found = predict_features(self.network, pooled.astype(np.float32)).astype(np.float64)
        known = self.card
        temperature = known.temperature if well is None else known.well_temperature
        return tempered(found, temperature).astype(np.float32)

    def evidence(
        self, features: NDArray[np.floating], well: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Return the logarithms of a closed-form head's answers for wells, up to a constant each.

        Of the head itself: its probabilities are rounded to certainty, and then all are alike.

        Parameters
        ----------
        features, well
            See `answers`.

        Returns
        -------
        ndarray, (wells, classes)
        """
        pooled = pool_wells(features.astype(np.float64), well)
        return head_logits(self.network, pooled) / self.card.well_temperature

    def outputs(self, patches: Patches) -> NDArray[np.float32]:
        """Return what `summary` combines, (n, outputs): features, or predictions of patches."""
        seen = self.card.kind == "autoencoder" or self.card.closed_form
        return self.features(patches) if seen else self.predict_patches(patches)

    def shown(self, outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return what `outputs` say of each patch, (n, names), see `output_names`."""
        return self.answers(outputs) if self.card.closed_form else outputs

    def output_names(self) -> list[str]:
        """Return the names of the columns of `shown`."""
        if self.card.kind == "classifier":
            return [f"probability_{name}" for name in self.card.classes]
        if self.card.kind == "regressor":
            return ["predicted_overlap"]
        return [f"feature_{index}" for index in range(self.encoder.output_shape[-1])]

    def columns(self) -> list[str]:
        """Return the names of the columns of `predict`."""
        if self.card.kind == "classifier":
            names = [f"probability_{name}" for name in self.card.stimulations]
            return ["patches", "faulty_share", "stimulation", *names]
        return ["patches", "faulty_share", *self.output_names()]

    def read(self, dataset: Dataset, rows: NDArray[np.integer]) -> Patches:
        """Read patches of a dataset as the network was trained on them, with the dataset's masks.

        Masks are made from raw fields, which a dataset does not hold; `evaluation.require_fitting`
        sees to it that a masked model gets a dataset of its own mask method.
        """
        masks = dataset.read_masks(rows) if self.card.masked else None
        measured = None
        if self.card.source != "encoder":
            columns = seen(self.card.source, self.card.panel)
            measured = dataset.measurements.to_numpy(np.float32)[np.ix_(rows, columns)]
        pixels = dataset if self.card.raised else unraised(dataset)
        return Patches(pixels.read(rows), masks, measured)

    def masks(self, image: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
        """Mask a raw field, (height, width, channels), as the training data's.

        Returns
        -------
        ndarray, (n, size, size, channels), bool
        """
        found = mask_methods.segment(image, self.mask_settings, self.mask_network)
        return np.asarray(cut(np.moveaxis(found.masks, 0, -1), self.card.patch_size), bool)

    @property
    def mask_settings(self) -> mask_methods.MaskSettings:
        """Mask settings of the training data."""
        card = self.card
        return mask_methods.MaskSettings(
            method=card.mask,
            cells=card.cells,
            pixel_size_um=card.pixel_size_um,
            patch_size=card.patch_size,
            levels=card.levels,
            panel=card.panel,
        )

    def cut(
        self, image: NDArray[np.unsignedinteger], masks: NDArray[np.bool_] | None = None
    ) -> Patches:
        """Cut a raw field into patches as the network was trained on them.

        Parameters
        ----------
        image : ndarray, (height, width, channels), unsigned integers
        masks : ndarray, (n, size, size, channels), bool, optional
            What `masks` finds, where that is known already.
        """
        card = self.card
        patches = cut(image, card.patch_size)
        raw = np.asarray(raise_background(patches, card.levels) if card.raised else patches)
        if not card.masked and card.source == "encoder":
            return Patches(raw)
        found = self.masks(image) if masks is None else masks
        measured: NDArray[np.floating] | None = None
        if card.source != "encoder":
            whole = measure(np.asarray(patches), found, 2**card.bit_depth - 1, card.panel)
            measured = whole[:, seen(card.source, card.panel)]
        return Patches(raw, found if card.masked else None, measured)

    def predict(self, model_input: Any, params: dict[str, Any] | None = None) -> Any:
        """Score raw fields, for `mlflow.pyfunc` and its server.

        Parameters
        ----------
        model_input : ndarray, (n, height, width, channels), or DataFrame
            Raw grey values; channel 0 DC, channel 1 T cell, or those of the card. A single patch is
            a valid field. Or a table of encoded images, see `plates.requests.requested_fields`.
        params : dict, optional
            Unused; part of the interface.

        Returns
        -------
        DataFrame, one row per field
            See `summary`.

        Raises
        ------
        PlateError
            If the input has the wrong shape, or values that the camera cannot give.
        """
        card = self.card
        rows = []
        for image in requested_fields(model_input, card.patch_size, card.bit_depth, card.panel):
            # One at a time: a network uses all processors for one field, and memory for each.
            with ONE_FIELD:
                patches = self.cut(image)
                rows.append(self.summary(self.outputs(patches), self.faulty(patches)))
        return pd.DataFrame(rows)

    def faulty(self, patches: Patches) -> NDArray[np.bool_]:
        """Return which patches have a channel without a value above the background, (n,)."""
        return is_faulty(patches.raw, self.card.levels)

    def summary(self, outputs: NDArray[np.floating], faulty: NDArray[np.bool_]) -> dict[str, Any]:
        """Combine the outputs of the patches of a well, leaving out faulty ones.

        Parameters
        ----------
        outputs : ndarray, (n, outputs), see `outputs`
        faulty : ndarray, (n,), bool

        Returns
        -------
        dict
            ``patches`` and ``faulty_share``. Of a classifier ``stimulation`` and a
            ``probability_NAME`` for each; of a regressor the mean ``predicted_overlap``; of an
            autoencoder the means ``feature_0`` ... Values are missing without a usable patch.
        """
        good = outputs[~faulty].astype(np.float64)
        row: dict[str, Any] = {"patches": len(faulty), "faulty_share": float(faulty.mean())}
        if self.card.kind == "classifier":
            return row | self._probabilities(good)
        mean = good.mean(axis=0) if len(good) else np.full(outputs.shape[1], np.nan)
        return row | dict(zip(self.output_names(), mean.tolist(), strict=True))

    def _probabilities(self, good: NDArray[np.float64]) -> dict[str, Any]:
        names = self.card.stimulations
        if not len(good):
            return {"stimulation": None, **{f"probability_{name}": np.nan for name in names}}
        combined = self.combined(good, np.zeros(len(good), dtype=np.intp))[0]
        columns = {f"probability_{name}": float(p) for name, p in zip(names, combined, strict=True)}
        return {"stimulation": names[int(combined.argmax())], **columns}

    def combined(
        self, outputs: NDArray[np.floating], well: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Combine a classifier's outputs of usable patches to answers of wells.

        Parameters
        ----------
        outputs : ndarray, (n, outputs), see `outputs`
        well : ndarray of int, (n,)
            Index of each patch's well, 0 .. wells - 1, each used.

        Returns
        -------
        ndarray, (wells, stimulations)
        """
        if self.card.closed_form:
            return self.answers(outputs, well).astype(np.float64)
        return combine(outputs.astype(np.float64), well, self.card)


Progress = Callable[[int, int], None]
"""Takes the number of patches done and in total."""


T = TypeVar("T")


def portions(
    read: Callable[[NDArray[np.integer]], T],
    rows: NDArray[np.integer],
    progress: Progress | None = None,
) -> Iterator[tuple[NDArray[np.integer], T]]:
    """Read patches in portions, so that not all are in memory.

    Parameters
    ----------
    read : callable
        Takes rows of a dataset, such as `Dataset.read` or `Scorer.read` of one.
    rows : ndarray, (n,)
    progress : callable, optional

    Yields
    ------
    rows : ndarray, (at most `PORTION`,)
    patches
        What `read` gives for them.
    """
    for start in range(0, len(rows), PORTION):
        part = rows[start : start + PORTION]
        yield part, read(part)
        if progress:
            progress(start + len(part), len(rows))


def in_portions(
    work: Callable[[T], NDArray[Any]],
    read: Callable[[NDArray[np.integer]], T],
    rows: NDArray[np.integer],
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Apply `work` to patches portion by portion, see `portions`; results, (rows, ...)."""
    return np.concatenate([work(patches) for _, patches in portions(read, rows, progress)])


def combine(
    probabilities: NDArray[np.float64], well: NDArray[np.integer], card: Card
) -> NDArray[np.float64]:
    """Combine class probabilities of patches, (n, classes), to those of wells.

    Parameters
    ----------
    well : ndarray of int, (n,)
        Index of each patch's well, 0 .. wells - 1, each used.

    Returns
    -------
    ndarray, (wells, stimulations)
    """
    good = without_faulty(probabilities, card.classes)
    return tempered(well_probabilities(good, well), card.well_temperature)


def without_faulty(probabilities: NDArray[np.float64], classes: list[str]) -> NDArray[np.float64]:
    """Drop the column of ``Faulty`` and rescale the rows to sum to 1, (n, stimulations)."""
    if FAULTY not in classes:
        return probabilities
    kept = probabilities[:, [name != FAULTY for name in classes]]
    return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12))


def load_scorer(folder: Path) -> Scorer:
    """Load a model folder without executing anything in it (Keras' safe mode).

    Raises
    ------
    PlateError
        If the folder is damaged or of another version.
    """
    try:
        card = read_card(Card, folder)
        network = keras.models.load_model(folder / "network.keras", compile=False, safe_mode=True)
        require_outputs(network, card)
        pooled = None
        if card.closed_form and card.source in WITH_ENCODER:
            pooled = keras.models.load_model(folder / POOLED, compile=False, safe_mode=True)
        return Scorer(network, card, _mask_network(card.mask, folder), pooled)
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise PlateError(f"{folder} is not a valid model: {reason}; train it again") from error


def mask_network_of(dataset: Dataset) -> MaskNetwork | None:
    """Load the network that made the masks of a dataset, if one did."""
    return _mask_network(dataset.parameters["mask"], dataset.path)


def _mask_network(mask: str, folder: Path) -> MaskNetwork | None:
    return load_mask_network(folder / NETWORK_FOLDER) if mask == mask_methods.NETWORK else None


def _load_pyfunc(data_path: str) -> Scorer:
    """Load the model for `mlflow.pyfunc`, which looks for a function of this name."""
    return load_scorer(Path(data_path))
