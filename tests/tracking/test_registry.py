import sys
from pathlib import Path

import keras
import mlflow
import numpy as np
import pytest
import yaml
from mlflow import MlflowClient
from numpy.typing import NDArray

from ck19ml.errors import PlateError, TrackingError
from ck19ml.networks import architectures, training
from ck19ml.networks.scorer import Card, Scorer
from ck19ml.tracking import registry, runs
from ck19ml.tracking.registry import Version

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("store")]

SIZE = 32
NAME = "ck19-classifier"
CARD = Card(
    kind="classifier",
    classes=["Unstimulated", "OVA", "ConA"],
    patch_size=SIZE,
    background=255,
    bit_depth=12,
    mask="otsu",
    masked=True,
    interaction_threshold=0.2,
    wells={"train": ["a", "b"], "validation": ["c"], "test": ["d"]},
    dataset={"name": "tiny", "content_hash": "0123"},
    seed=7,
    software="ck19ml 0",
)


def new_scorer(seed: int) -> Scorer:
    training.seed_everything(seed)
    encoder = architectures.build_encoder("compact", SIZE)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=3, units=8, depth=1, dropout=0.0,
        normalise=True, pooled=True,
    )  # fmt: skip
    return Scorer(architectures.join(encoder, head), CARD)


def log(scorer: Scorer, name: str = NAME) -> Version:
    with runs.start("classifier", "classifier", {}) as run:
        return registry.log_model(run, scorer, name, {"dataset": "0123"}, "what it scores")


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return new_scorer(3)


@pytest.fixture(scope="module")
def version(store: Path, scorer: Scorer) -> Version:
    return log(scorer)


def raw_fields() -> NDArray[np.uint16]:
    values = np.random.default_rng(4).integers(100, 4096, (3, 70, 100, 2))
    return values.astype(np.uint16)


def test_a_logged_model_comes_back_as_it_was(version: Version, scorer: Scorer) -> None:
    for uri in (version.uri, registry.model_uri(version.run)):
        loaded = registry.load_model(uri)
        assert loaded.card == CARD
        assert loaded.predict(raw_fields()).equals(scorer.predict(raw_fields()))


def test_any_mlflow_client_scores_raw_fields(version: Version, scorer: Scorer) -> None:
    loaded = mlflow.pyfunc.load_model(version.uri)
    table = loaded.predict(raw_fields())
    assert len(table) == 3
    assert table.equals(scorer.predict(raw_fields()))
    probabilities = table[[f"probability_{name}" for name in CARD.classes]]
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_a_model_under_mlflow_refuses_what_is_not_raw(version: Version) -> None:
    loaded = mlflow.pyfunc.load_model(version.uri)
    with pytest.raises(PlateError, match="whole numbers"):
        loaded.predict(raw_fields().astype(np.float64) / 4095)
    with pytest.raises(PlateError, match="shape"):
        loaded.predict(raw_fields()[0])


def test_the_example_of_a_model_is_a_table_of_images(version: Version) -> None:
    loaded = mlflow.pyfunc.load_model(version.uri)
    example = loaded.input_example
    assert [*example.columns] == ["dc", "tcell"]
    (row,) = loaded.predict(example).to_dict("records")
    assert (row["patches"], row["faulty_share"]) == (1, 1)
    assert loaded.metadata.metadata["channels"] == ["dc", "tcell"]


def test_a_logged_model_is_made_of_files_that_run_nothing(version: Version) -> None:
    folder = Path(mlflow.artifacts.download_artifacts(artifact_uri=version.uri))
    files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert not [name for name in files if name.endswith((".pkl", ".pickle", ".joblib"))]
    described = yaml.safe_load((folder / "MLmodel").read_text())
    flavor = described["flavors"]["python_function"]
    assert flavor["loader_module"] == "ck19ml.networks.scorer"
    assert set(described["flavors"]) == {"python_function"}
    data = folder / flavor["data"]
    assert sorted(path.name for path in data.iterdir()) == ["card.json", "network.keras"]
    assert described["signature"]["outputs"]
    assert described["metadata"]["table"]
    pinned = (folder / "requirements.txt").read_text().splitlines()
    assert {line.split("==")[0] for line in pinned} >= {"keras", "numpy", "tensorflow"}
    assert all("==" in line for line in pinned if line)


def test_the_bare_network_takes_scaled_patches(version: Version, scorer: Scorer) -> None:
    network = mlflow.keras.load_model(f"runs:/{version.run.id}/network")
    patches = scorer.cut(raw_fields()[0])
    scaled = patches.batch(slice(None))
    np.testing.assert_allclose(network.predict_on_batch(scaled), scorer.predict_patches(patches))


def test_the_weights_stand_under_weights(version: Version, scorer: Scorer) -> None:
    path = version.run.download("weights/network.weights.h5")
    twin = architectures.copy(scorer.network)
    twin.set_weights([weight * 0 for weight in twin.get_weights()])
    twin.load_weights(path)
    for mine, theirs in zip(twin.get_weights(), scorer.network.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_version_is_described_and_tagged(version: Version) -> None:
    found = MlflowClient().get_model_version(NAME, version.number)
    assert found.description == "what it scores"
    assert found.tags == {"dataset": "0123"}
    assert found.run_id == version.run.id


def test_the_champion_is_who_was_promoted_last(version: Version) -> None:
    assert registry.champion(NAME) is None or registry.champion(NAME) == version
    registry.promote(version)
    second = log(new_scorer(4))
    assert int(second.number) > int(version.number)
    registry.challenge(second)
    assert registry.champion(NAME) == version
    aliases = MlflowClient().get_registered_model(NAME).aliases
    expected = {"champion": version.number, "challenger": second.number}
    assert {alias: str(number) for alias, number in aliases.items()} == expected
    registry.promote(second)
    assert registry.champion(NAME) == second
    loaded = registry.load_model(f"models:/{NAME}@champion")
    theirs = new_scorer(4).predict(raw_fields())
    assert loaded.predict(raw_fields()).equals(theirs)


def test_a_model_that_nobody_registered_has_no_champion() -> None:
    assert registry.champion("ck19-unheard-of") is None


@pytest.mark.parametrize(
    "uri",
    [
        "models:/ck19-unheard-of@champion",
        "models:/ck19-unheard-of/1",
        f"models:/{NAME}@nobody",
        f"models:/{NAME}/99",
        "runs:/0123456789abcdef0123456789abcdef/model",
        "nowhere/at/all",
        "models:/",
        "",
    ],
)
def test_a_model_that_does_not_exist_is_said_in_one_line(version: Version, uri: str) -> None:
    with pytest.raises(TrackingError, match=r"no model at .*: .*; list") as caught:
        registry.load_model(uri)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_no_model_is_not_copied(
    version: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def copied(**_: object) -> str:
        raise AssertionError("it was to be copied, and it may be a plate")

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", copied)
    with pytest.raises(TrackingError, match="has no file MLmodel"):
        registry.load_model(str(tmp_path))


def test_a_model_of_another_kind_is_refused(version: Version) -> None:
    with pytest.raises(TrackingError, match="its 'model', not of its 'network'"):
        registry.load_model(f"runs:/{version.run.id}/network")


def test_a_run_without_a_model_is_said(version: Version) -> None:
    with runs.start("a", "kind", {}) as run:
        pass
    with pytest.raises(TrackingError, match="no model at"):
        registry.load_model(registry.model_uri(run))


def test_regressors_and_autoencoders_are_logged_too() -> None:
    training.seed_everything(3)
    regressor = Scorer(
        architectures.join(
            architectures.build_encoder("compact", SIZE),
            architectures.build_regressor_head((SIZE // 16, SIZE // 16, 16)),
        ),
        CARD.changed(kind="regressor"),
    )
    autoencoder = Scorer(
        architectures.build_autoencoder("compact", SIZE), CARD.changed(kind="autoencoder")
    )
    for scorer in (regressor, autoencoder):
        version = log(scorer, f"ck19-{scorer.card.kind}")
        served = mlflow.pyfunc.load_model(version.uri).predict(raw_fields())
        assert served.equals(scorer.predict(raw_fields()))


def test_nothing_of_the_caller_s_modules_is_replaced_by_loading(version: Version) -> None:
    """The model carries the package's code; here the package is there already."""
    before = sys.modules["ck19ml.networks.scorer"], keras.__version__
    mlflow.pyfunc.load_model(version.uri)
    assert (sys.modules["ck19ml.networks.scorer"], keras.__version__) == before
    assert registry.load_model(version.uri).card == CARD
