"""Model registry: log a model with its preprocessing, load it, and name the champion."""

import json
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import mlflow
import numpy as np
import pandas as pd
from imagecodecs import png_encode
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.models.model import MLMODEL_FILE_NAME
from mlflow.types.schema import ColSpec, Schema, TensorSpec

import ck19ml
from ck19ml.core.patches import stored_dtype
from ck19ml.errors import TrackingError
from ck19ml.networks.mask_model import SHIPPED, MaskNetwork, StoredMasks
from ck19ml.networks.scorer import Scorer, load_scorer
from ck19ml.networks.settings import SHIPPED_MODEL
from ck19ml.tracking.runs import Run, tabled
from ck19ml.tracking.server import client, says_absent

LOADERS = (Scorer.__module__, "ck19ml.scoring")
MASK_LOADERS = (MaskNetwork.__module__, "ck19ml.mask_network")
"""Loader modules that our models name: the current one, and that of ck19ml 0.1.0."""

EXAMPLE = 64
"""Side in pixels of the input example of a mask network, which takes fields of any size."""

INPUT = {
    "array": "(n, height, width, channels), raw grey values; key 'inputs' over HTTP",
    "table": "a row a field, a column a channel: TIFF, PNG or NPY files of one image, as bytes or "
    "in base64; key 'dataframe_split' over HTTP, or Parquet",
}
"""Input of a scorer, as its metadata say it."""

CHAMPION = "champion"
CHALLENGER = "challenger"
REQUIREMENTS = (
    "imagecodecs", "keras", "numpy", "opencv-python-headless", "pandas", "pyarrow", "pydantic",
    "pyyaml", "regex", "scikit-image", "scikit-learn", "scipy", "tifffile", "zarr",
)  # fmt: skip
"""Packages that scoring imports beside the backend, pinned to the versions that trained."""


@dataclass(frozen=True)
class Version:
    """A version of a registered model.

    Attributes
    ----------
    name, number : str
    run : Run
        Run that logged it.
    tags : dict of str
    model_id : str, optional
        MLflow's id of the logged model, where it is known: the SQL store does not keep it.
    """

    name: str
    number: str
    run: Run
    tags: dict[str, str]
    model_id: str | None = field(default=None, compare=False)

    @property
    def uri(self) -> str:
        """URI that loads this version."""
        return f"models:/{self.name}/{self.number}"


def log_model(
    run: Run, scorer: Scorer | MaskNetwork, name: str, tags: dict[str, str], description: str
) -> Version:
    """Log a model twice in the active run, and register the one that takes raw fields.

    ``model`` takes raw fields, as an array or, unless it is a mask network, as a table
    of encoded images; ``network`` is the bare Keras network, which takes patches scaled to [0, 1].
    The weights stand under ``weights/``.

    Parameters
    ----------
    name : str
        The registered model's name.
    tags : dict of str
        Tags of the version; the gate compares them.
    """
    backend = keras.backend.backend()
    pins = [f"{package}=={version(package)}" for package in (*REQUIREMENTS, backend)]
    interface = _interface(scorer)
    with tempfile.TemporaryDirectory() as folder:
        data = scorer.save(Path(folder) / "scorer")
        logged = mlflow.pyfunc.log_model(
            name="model",
            loader_module=type(scorer).__module__,
            data_path=str(data),
            code_paths=[str(Path(ck19ml.__file__).parent)],
            pip_requirements=pins,
            **interface,
        )
        weights = Path(folder) / "network.weights.h5"
        scorer.network.save_weights(weights)
        run.file(weights, "weights")
    _log_network(scorer, pins)
    registered = mlflow.register_model(logged.model_uri, name, tags=tags)
    client().update_model_version(name, registered.version, tabled(description))
    return Version(name, str(registered.version), run, tags, logged.model_id)


def _interface(scorer: Scorer | MaskNetwork) -> dict[str, Any]:
    """Return the signature, the input example and the metadata of a model, as MLflow names them."""
    if isinstance(scorer, MaskNetwork):
        fields = Schema([TensorSpec(np.dtype(np.uint16), (-1, -1, -1, 2))])
        example = np.zeros((1, EXAMPLE, EXAMPLE, 2), np.uint16)
        return {"signature": ModelSignature(inputs=fields), "input_example": example}
    size, bits = scorer.card.patch_size, scorer.card.bit_depth
    image = png_encode(np.zeros((size, size), stored_dtype(bits)))
    # MLflow holds any input to the input of a signature, which is either an array or columns, and
    # this model takes both: it checks its input itself, and `INPUT` says what it is.
    names = list(scorer.card.channels)
    return {
        "signature": ModelSignature(outputs=_columns(scorer)),
        "input_example": pd.DataFrame({name: [image] for name in names}),
        "metadata": INPUT | {"channels": names},
    }


def _columns(scorer: Scorer) -> Schema:
    """Return the columns of the output; of an autoencoder, which has thousands, the first two."""
    kinds = {"patches": "long", "stimulation": "string"}
    names = scorer.columns()[: 2 if scorer.card.kind == "autoencoder" else None]
    # Missing where a field has no usable patch.
    return Schema(
        [
            ColSpec(kinds.get(name, "double"), name, required=name in ("patches", "faulty_share"))
            for name in names
        ]
    )


def _log_network(scorer: Scorer | MaskNetwork, pins: list[str]) -> None:
    ends = []
    for shape in (scorer.network.input_shape, scorer.network.output_shape):
        free = tuple(-1 if side is None else side for side in shape)
        ends.append(Schema([TensorSpec(np.dtype(np.float32), free)]))
    signature = ModelSignature(inputs=ends[0], outputs=ends[1])
    # No input example: MLflow's Keras flavour fails on one (mlflow/mlflow#16183).
    mlflow.keras.log_model(
        scorer.network, name="network", signature=signature, pip_requirements=pins
    )


def champion(name: str) -> Version | None:
    """Return the champion of a registered model, if there is one."""
    try:
        found = client().get_model_version_by_alias(name, CHAMPION)
    except mlflow.MlflowException as error:
        if not says_absent(error):
            raise
        return None
    return _stored(name, found)


def champions(name: str) -> list[Version]:
    """Return the champions of a name and of its assays', the one of the plain name first.

    See `tracking.assays`.
    """
    own = re.compile(rf"{re.escape(name)}(-[0-9a-f]{{6}})?")
    models = client().search_registered_models(f"name LIKE '{name}%'")
    names = sorted(each.name for each in models if own.fullmatch(each.name))
    return [found for each in names if (found := champion(each)) is not None]


def _stored(name: str, found: ModelVersion) -> Version:
    tags = dict(found.tags)
    return Version(name, str(found.version), Run(found.run_id), tags, found.model_id)


def promote(version: Version) -> None:
    """Make a version the champion."""
    client().set_registered_model_alias(version.name, CHAMPION, version.number)


def challenge(version: Version) -> None:
    """Mark a version as the one that did not become champion."""
    client().set_registered_model_alias(version.name, CHALLENGER, version.number)


def model_uri(run: Run) -> str:
    """Return the URI of the model that a run logged."""
    return f"runs:/{run.id}/model"


def load_model(uri: str) -> Scorer:
    """Load a model of this project by its MLflow model URI.

    Raises
    ------
    TrackingError
        If no such model exists, or it was not registered by this project.
    """
    return open_model(uri)[0]


def open_model(uri: str) -> tuple[Scorer, str | None]:
    """Load a model as `load_model` does; returns MLflow's id of it too, if it has one."""
    with tempfile.TemporaryDirectory() as place:
        data = _fetch(uri, Path(place), LOADERS, "train one with 'ck19ml tune'")
        noted = next(folder for folder in data.parents if (folder / MLMODEL_FILE_NAME).is_file())
        return load_scorer(data), Model.load(noted).model_id


def config_of(model: str | None) -> dict[str, Any]:
    """Return the config of the run that logged a model, by MLflow's id of it; {} if not known."""
    if model is None:
        return {}
    try:
        run = client().get_logged_model(model).source_run_id
    except mlflow.MlflowException as error:
        if not says_absent(error):
            raise
        return {}
    return dict(json.loads(Run(str(run)).text("config.json") or "{}"))


def fetch_masks(uri: str, place: Path) -> StoredMasks:
    """Fetch a mask network by an MLflow model URI into an existing folder.

    `SHIPPED_MODEL` in place of a URI stands for the network in the package.

    Raises
    ------
    TrackingError
        If no such model exists, or it is not a mask network.
    """
    if uri == SHIPPED_MODEL:
        return StoredMasks(SHIPPED)
    found = StoredMasks(_fetch(uri, place, MASK_LOADERS, "train one with 'ck19ml unet'"))
    _ = found.loaded  # a damaged one is refused before anything is written
    return found


def _fetch(uri: str, place: Path, loaders: tuple[str, ...], remedy: str) -> Path:
    """Download a model; return the folder that its loader takes."""
    client()
    try:
        if ":/" not in uri and not Path(uri, MLMODEL_FILE_NAME).is_file():
            # MLflow would copy the folder first, which may be a whole plate.
            raise FileNotFoundError(f"the folder has no file {MLMODEL_FILE_NAME}")
        found = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(place))
        flavor = Model.load(found).flavors["python_function"]
        loaded_by, data = flavor.get("loader_module"), str(flavor.get("data", ""))
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise TrackingError(
            f"no model at {uri}: {reason}; list the models with 'ck19ml ui' or {remedy}"
        ) from error
    if loaded_by not in loaders:
        what = "a mask network" if loaders is MASK_LOADERS else "a model"
        raise TrackingError(
            f"{uri} is not {what} that ck19ml registered, but one loaded by {loaded_by}; give the "
            "URI of its 'model', not of its 'network'"
        )
    inside = (Path(found) / data).resolve()
    if not inside.is_relative_to(Path(found).resolve()):
        raise TrackingError(
            f"the model at {uri} refers to {data!r}, outside its own folder; {remedy}"
        )
    return inside


GATE = "gate"
"""Tag of a version with its position at the gate."""

BETTER, ALWAYS, PROMOTED, KEPT = "if better", "always", "promoted", "not promoted"


def mark(version: Version, word: str) -> Version:
    """Tag a version with its position at the gate."""
    client().set_model_version_tag(version.name, version.number, GATE, word)
    return replace(version, tags=version.tags | {GATE: word})


def describe(version: Version, sentence: str) -> None:
    """Add a sentence to the description of a version."""
    known = client().get_model_version(version.name, version.number).description or ""
    text = f"{known}\n\n{sentence}".strip()
    client().update_model_version(version.name, version.number, text)


def at_gate(name: str, marks: Iterable[str] = (BETTER, ALWAYS, PROMOTED)) -> list[Version]:
    """Return the versions of a model with one of these marks, the oldest first."""
    wanted = set(marks)
    found = [
        _stored(name, each)
        for each in client().search_model_versions(f"name = '{name}'")
        if each.tags.get(GATE) in wanted
    ]
    return sorted(found, key=lambda version: int(version.number))
