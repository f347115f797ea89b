"""A trained network with everything it needs to score raw fields, as it lies in the registry."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core import mask_methods
from ck19ml.core.patches import cut, is_faulty, raise_background
from ck19ml.core.scores.calibration import tempered
from ck19ml.core.scores.metrics import well_probabilities
from ck19ml.errors import PlateError
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import Patches
from ck19ml.networks.card import FAULTY, Card, read_card, require_outputs
from ck19ml.networks.mask_model import MaskNetwork, load_mask_network
from ck19ml.networks.training import PREDICT_BATCH, predict
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.preparation.settings import NETWORK_FOLDER

PORTION = 8 * PREDICT_BATCH
"""Patches in memory at a time, whole batches of them: the figures are those of all at once."""


class Scorer:
    """Scores patches and raw fields with a network; made from a folder, without pickle."""

    def __init__(
        self, network: Network, card: Card, mask_network: MaskNetwork | None = None
    ) -> None:
        self.network, self.card, self.mask_network = network, card, mask_network

    @property
    def has_encoder(self) -> bool:
        """Whether the network has features: a regressor that cuts channels itself has none."""
        return any(layer.name == "encoder" for layer in self.network.layers)

    @property
    def encoder(self) -> Network:
        """The part of the network that turns patches into features."""
        return self.network.get_layer("encoder")

    def save(self, folder: Path) -> Path:
        """Write ``network.keras``, ``card.json`` and any mask network into a new folder."""
        folder.mkdir(parents=True)
        if self.mask_network is not None:
            self.mask_network.save(folder / NETWORK_FOLDER)
        self.network.save(folder / "network.keras")
        self.card.write(folder)
        return folder

    def predict_patches(self, raw: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Run the network on patches as a dataset stores them.

        Parameters
        ----------
        raw : ndarray, (n, patch_size, patch_size, 2), unsigned integers

        Returns
        -------
        ndarray, float32
            Class probabilities (n, classes), overlaps (n, 1) or reconstructions.
        """
        outputs = predict(self.network, self.patches(raw))
        if self.card.kind != "classifier":
            return outputs
        return tempered(outputs.astype(np.float64), self.card.temperature).astype(np.float32)

    def features(self, raw: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Run the encoder on patches as a dataset stores them, (n, features), float32."""
        return predict(self.encoder, self.patches(raw))

    def outputs(self, raw: NDArray[np.unsignedinteger]) -> NDArray[np.float32]:
        """Return what is asked for, (n, outputs): an autoencoder's features, else predictions."""
        return self.features(raw) if self.card.kind == "autoencoder" else self.predict_patches(raw)

    def output_names(self) -> list[str]:
        """Name the columns of `outputs`."""
        if self.card.kind == "classifier":
            return [f"probability_{name}" for name in self.card.classes]
        if self.card.kind == "regressor":
            return ["predicted_overlap"]
        return [f"feature_{index}" for index in range(self.encoder.output_shape[-1])]

    def columns(self) -> list[str]:
        """Name the columns of `predict`."""
        if self.card.kind == "classifier":
            names = [f"probability_{name}" for name in self.card.stimulations]
            return ["patches", "faulty_share", "stimulation", *names]
        return ["patches", "faulty_share", *self.output_names()]

    def patches(self, raw: NDArray[np.unsignedinteger]) -> Patches:
        """Bring patches, (n, size, size, 2), to the form that the network was trained on."""
        card = self.card
        return Patches(raw, self.masks(raw) if card.masked else None)

    def masks(self, raw: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
        """Mask patches as the training data's were, (n, size, size, 2), bool."""
        return mask_methods.method(self.card.mask, self.mask_network)(raw, self.card.background)

    def cut(self, image: NDArray[np.unsignedinteger]) -> NDArray[np.unsignedinteger]:
        """Cut a raw field, (height, width, 2), into patches raised to the background."""
        patches = raise_background(cut(image, self.card.patch_size), self.card.background)
        return np.asarray(patches)

    def predict(self, model_input: NDArray[Any], params: dict[str, Any] | None = None) -> Any:
        """Score raw fields: what `mlflow.pyfunc` and its server call.

        Parameters
        ----------
        model_input : ndarray, (n, height, width, 2)
            Raw grey values; channel 0 DC, channel 1 T cell. A patch is a field of one patch.
        params : dict, optional
            Not used; part of the interface.

        Returns
        -------
        DataFrame, one row a field
            See `summary`.

        Raises
        ------
        PlateError
            If the input has another shape, or values that the camera cannot give.
        """
        fields = np.asarray(model_input)
        size = self.card.patch_size
        whole = fields.ndim == 4 and fields.shape[3] == 2 and min(fields.shape[1:3]) >= size
        if not whole or not len(fields):
            raise PlateError(
                f"expected fields of shape (n, height, width, 2), at least {size} pixels high and "
                f"wide, found {fields.shape}; stack the DC and the T-cell image on the last axis"
            )
        largest = 2**self.card.bit_depth - 1
        if not np.isfinite(fields).all() or fields.min() < 0 or fields.max() > largest:
            raise PlateError(
                f"expected grey values from 0 to {largest}, found {fields.min()} to "
                f"{fields.max()}; pass raw camera values"
            )
        dtype = np.uint8 if self.card.bit_depth <= 8 else np.uint16
        rows = []
        for image in fields.astype(dtype):
            raw = self.cut(image)
            rows.append(self.summary(self.outputs(raw), self.faulty(raw)))
        return pd.DataFrame(rows)

    def faulty(self, raw: NDArray[np.unsignedinteger]) -> NDArray[np.bool_]:
        """Tell the patches in which a channel shows nothing above the background, (n,)."""
        return is_faulty(raw, self.card.background)

    def summary(self, outputs: NDArray[np.floating], faulty: NDArray[np.bool_]) -> dict[str, Any]:
        """Combine the outputs of one well's patches, the faulty ones left out.

        Parameters
        ----------
        outputs : ndarray, (n, outputs), see `outputs`
        faulty : ndarray, (n,), bool

        Returns
        -------
        dict
            ``patches`` and ``faulty_share``; a classifier's ``stimulation`` and
            ``probability_NAME`` of each; a regressor's ``predicted_overlap`` (mean); an
            autoencoder's ``feature_0`` ... (mean). Without a usable patch the values are
            missing.
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
        combined = well_probabilities(
            without_faulty(good, self.card.classes), np.zeros(len(good), dtype=np.intp)
        )
        combined = tempered(combined, self.card.well_temperature)[0]
        columns = {f"probability_{name}": float(p) for name, p in zip(names, combined, strict=True)}
        return {"stimulation": names[int(combined.argmax())], **columns}


Progress = Callable[[int, int], None]
"""Takes the number of patches done and to do."""


def portions(
    dataset: Dataset, rows: NDArray[np.integer], progress: Progress | None = None
) -> Iterator[tuple[NDArray[np.integer], NDArray[np.unsignedinteger]]]:
    """Read a dataset's patches without having them all in memory.

    Yields
    ------
    rows : ndarray, (at most `PORTION`,)
    patches : ndarray, (rows, size, size, 2)
    """
    for start in range(0, len(rows), PORTION):
        part = rows[start : start + PORTION]
        yield part, dataset.read(part)
        if progress:
            progress(start + len(part), len(rows))


def in_portions(
    work: Callable[[NDArray[np.unsignedinteger]], NDArray[Any]],
    dataset: Dataset,
    rows: NDArray[np.integer],
    progress: Progress | None = None,
) -> NDArray[Any]:
    """Work on a dataset's patches portion by portion; results, (rows, ...)."""
    return np.concatenate([work(raw) for _, raw in portions(dataset, rows, progress)])


def without_faulty(probabilities: NDArray[np.float64], classes: list[str]) -> NDArray[np.float64]:
    """Drop the quality flag's column and let the rows sum to 1 again, (n, stimulations)."""
    if FAULTY not in classes:
        return probabilities
    kept = probabilities[:, [name != FAULTY for name in classes]]
    return np.asarray(kept / np.maximum(kept.sum(axis=1, keepdims=True), 1e-12))


def load_scorer(folder: Path) -> Scorer:
    """Load a model folder; nothing in it is executed (Keras' safe mode).

    Raises
    ------
    PlateError
        If the folder was made by another version or is damaged.
    """
    try:
        card = read_card(Card, folder)
        network = keras.models.load_model(folder / "network.keras", compile=False, safe_mode=True)
        require_outputs(network, card)
        return Scorer(network, card, _mask_network(card.mask, folder))
    except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
        reason = " ".join(str(error).split())[:200]
        raise PlateError(
            f"expected a model in {folder}, found: {reason}; train it again"
        ) from error


def mask_network_of(dataset: Dataset) -> MaskNetwork | None:
    """Load the network that made a dataset's masks, if one did."""
    return _mask_network(dataset.parameters["mask"], dataset.path)


def _mask_network(mask: str, folder: Path) -> MaskNetwork | None:
    return load_mask_network(folder / NETWORK_FOLDER) if mask == mask_methods.NETWORK else None


def _load_pyfunc(data_path: str) -> Scorer:
    """Load the model for `mlflow.pyfunc`, which looks for this name."""
    return load_scorer(Path(data_path))
