import json
import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.core import mask_methods
from ck19ml.core.instrument_masks import CellKinds, TCells
from ck19ml.core.patches import cut, raise_background
from ck19ml.core.scores.metrics import well_probabilities
from ck19ml.errors import PlateError
from ck19ml.networks import architectures, training
from ck19ml.networks.batches import Patches
from ck19ml.networks.card import Card, stimulations
from ck19ml.networks.scorer import Scorer, load_scorer, without_faulty
from ck19ml.plates.dataset.store import Dataset

SIZE = 32
CLASSES = ["Unstimulated", "OVA", "ConA"]
CARD = Card(
    kind="classifier",
    classes=CLASSES,
    patch_size=SIZE,
    background=255,
    bit_depth=12,
    mask="otsu",
    masked=False,
    interaction_threshold=0.2,
    wells={"train": ["a", "b"], "validation": ["c"], "test": ["d"]},
    dataset={"name": "tiny", "content_hash": "0123"},
    seed=7,
    software="ck19ml 0",
)


def scorer_of(kind: str, **changes: Any) -> Scorer:
    training.seed_everything(13)
    card = CARD.changed(kind=kind, **changes)
    if kind == "autoencoder":
        return Scorer(architectures.build_autoencoder("compact", SIZE), card)
    encoder = architectures.build_encoder("compact", SIZE)
    shape = architectures.feature_shape(encoder)
    if kind == "regressor":
        return Scorer(architectures.join(encoder, architectures.build_regressor_head(shape)), card)
    head = architectures.build_classifier_head(
        shape, classes=len(card.classes), units=8, depth=1, dropout=0.0, normalise=True, pooled=True
    )
    return Scorer(architectures.join(encoder, head), card)


@pytest.fixture(scope="module")
def scorer() -> Scorer:
    return scorer_of("classifier")


def fields(count: int = 2, height: int = 70, width: int = 100) -> NDArray[np.uint16]:
    values = np.random.default_rng(4).integers(100, 4096, (count, height, width, 2))
    return values.astype(np.uint16)


@pytest.mark.parametrize(
    ("kind", "masked"),
    [("classifier", False), ("classifier", True), ("regressor", False), ("autoencoder", True)],
)
def test_a_saved_model_comes_back_as_it_was(kind: str, masked: bool, tmp_path: Path) -> None:
    scorer = scorer_of(kind, masked=masked)
    folder = scorer.save(tmp_path / "model")
    assert sorted(path.name for path in folder.iterdir()) == ["card.json", "network.keras"]
    loaded = load_scorer(folder)
    assert loaded.card == scorer.card
    raw = scorer.cut(fields()[0])
    np.testing.assert_array_equal(loaded.outputs(raw), scorer.outputs(raw))
    assert loaded.predict(fields()).equals(scorer.predict(fields()))


def test_a_model_is_not_saved_over_another(scorer: Scorer, tmp_path: Path) -> None:
    scorer.save(tmp_path / "model")
    with pytest.raises(FileExistsError):
        scorer.save(tmp_path / "model")


def test_a_raw_field_gives_what_its_patches_give(scorer: Scorer) -> None:
    """The model carries its preprocessing: crop, patches and background."""
    raw = fields()
    table = scorer.predict(raw)
    assert len(table) == 2
    assert table["patches"].tolist() == [6, 6]  # 2 x 3 patches of 32 in 70 x 100 pixels
    for index, image in enumerate(raw):
        patches = Patches(raise_background(cut(image, SIZE), 255))
        assert patches.raw.min() == 255
        each = scorer.predict_patches(patches).astype(np.float64)
        combined = well_probabilities(each, np.zeros(len(each), np.intp))[0]
        row = table.iloc[index]
        given = [row[f"probability_{name}"] for name in CLASSES]
        np.testing.assert_allclose(given, combined, rtol=1e-6)
        assert row["stimulation"] == CLASSES[int(combined.argmax())]


def test_values_below_the_background_change_nothing(scorer: Scorer) -> None:
    raw = fields()
    low = raw.copy()
    low[raw < 255] = 0
    assert (low != raw).any()
    assert scorer.predict(low).equals(scorer.predict(raw))


def test_a_field_is_scored_the_same_alone_and_among_others(scorer: Scorer) -> None:
    raw = fields(3)
    together = scorer.predict(raw)
    alone = scorer.predict(raw[1:2])
    names = [f"probability_{name}" for name in CLASSES]
    np.testing.assert_allclose(together.loc[[1], names], alone[names], rtol=1e-5)


@pytest.mark.parametrize("dtype", [np.uint16, np.int64, np.float32, np.float64])
def test_the_type_of_the_values_does_not_matter(scorer: Scorer, dtype: type) -> None:
    assert scorer.predict(fields().astype(dtype)).equals(scorer.predict(fields()))


@pytest.mark.parametrize("method", ["instrument", "otsu"])
def test_a_masked_model_sees_nothing_outside_the_masks(method: str) -> None:
    scorer = scorer_of("classifier", masked=True, mask=method)
    image = fields()[0]
    image[20:30, 50:60] = 60_000
    patches = scorer.cut(image)
    assert patches.masks is not None
    found = mask_methods.segment(image, mask_methods.MaskSettings(method, patch_size=SIZE))
    np.testing.assert_array_equal(patches.masks, cut(np.moveaxis(found.masks, 0, -1), SIZE))
    assert patches.masks.any()
    assert np.all(patches.batch(slice(None))[~patches.masks] == 0)
    assert scorer_of("classifier").cut(image).masks is None


def test_raw_fields_are_masked_as_the_card_says() -> None:
    cells = CellKinds(tcell=TCells(diameter_um=20))
    scorer = scorer_of("classifier", mask="instrument", cells=cells, pixel_size_um=0.5)
    assert scorer.mask_settings == mask_methods.MaskSettings(
        "instrument", cells, 0.5, SIZE, (255, 255)
    )


def test_a_masked_model_takes_a_dataset_s_own_masks(tiny_dataset: Dataset) -> None:
    rows = np.array([3, 5])
    patches = scorer_of("classifier", masked=True).read(tiny_dataset, rows)
    np.testing.assert_array_equal(patches.masks, tiny_dataset.read_masks(rows))
    assert scorer_of("classifier").read(tiny_dataset, rows).masks is None


def test_faulty_patches_are_left_out_and_counted(scorer: Scorer) -> None:
    raw = fields(1)
    raw[0, :32, 4:36, 0] = 200  # the DCs of the first patch lie under the background
    row = scorer.predict(raw).iloc[0]
    assert row["faulty_share"] == pytest.approx(1 / 6)
    patches = scorer.cut(raw[0])
    assert scorer.faulty(patches).tolist() == [True] + [False] * 5
    each = scorer.predict_patches(patches)[1:].astype(np.float64)
    combined = well_probabilities(each, np.zeros(5, np.intp))[0]
    np.testing.assert_allclose([row[f"probability_{n}"] for n in CLASSES], combined, rtol=1e-6)


@pytest.mark.parametrize("kind", ["classifier", "regressor", "autoencoder"])
def test_a_well_without_a_usable_patch_has_missing_values(kind: str) -> None:
    table = scorer_of(kind).predict(np.full((1, SIZE, SIZE, 2), 255, np.uint16))
    assert table["patches"].tolist() == [1]
    assert table["faulty_share"].tolist() == [1.0]
    assert table.drop(columns=["patches", "faulty_share"]).isna().all(axis=None)


def test_a_regressor_gives_the_mean_overlap_of_the_patches() -> None:
    scorer = scorer_of("regressor")
    row = scorer.predict(fields(1)).iloc[0]
    each = scorer.predict_patches(scorer.cut(fields(1)[0]))
    assert each.shape == (6, 1)
    assert row["predicted_overlap"] == pytest.approx(each.mean(), rel=1e-5)


def test_an_autoencoder_gives_the_mean_features_of_the_patches() -> None:
    scorer = scorer_of("autoencoder")
    names = scorer.output_names()
    table = scorer.predict(fields(1))
    features = scorer.features(scorer.cut(fields(1)[0]))
    assert features.shape == (6, len(names))
    np.testing.assert_allclose(table[names].iloc[0], features.mean(axis=0), rtol=1e-5, atol=1e-6)


def test_the_quality_flag_is_no_stimulation() -> None:
    classes = ["Unstimulated", "ConA", "Faulty"]
    assert stimulations(classes) == ["Unstimulated", "ConA"]
    probabilities = np.array([[0.2, 0.3, 0.5], [0.0, 0.0, 1.0]])
    kept = without_faulty(probabilities, classes)
    np.testing.assert_allclose(kept, [[0.4, 0.6], [0.0, 0.0]])
    np.testing.assert_array_equal(without_faulty(probabilities, ["a", "b", "c"]), probabilities)


def test_a_four_class_model_names_a_stimulation_for_each_well() -> None:
    classes = [*CLASSES, "Faulty"]
    scorer = scorer_of("classifier", classes=classes)
    assert scorer.output_names()[-1] == "probability_Faulty"
    row = scorer.predict(fields(1)).iloc[0]
    assert row["stimulation"] in CLASSES
    assert "probability_Faulty" not in row
    assert sum(row[f"probability_{name}"] for name in CLASSES) == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "found"),
    [
        (np.zeros((64, 64, 2), np.uint16), r"\(64, 64, 2\)"),
        (np.zeros((1, 64, 64, 3), np.uint16), r"\(1, 64, 64, 3\)"),
        (np.zeros((1, 2, 64, 64), np.uint16), r"\(1, 2, 64, 64\)"),
        (np.zeros((1, 31, 64, 2), np.uint16), r"\(1, 31, 64, 2\)"),
        (np.zeros((0, 64, 64, 2), np.uint16), r"\(0, 64, 64, 2\)"),
        (np.full((1, 64, 64, 2), 4096, np.uint16), "4096"),
        (np.full((1, 64, 64, 2), -1, np.int32), "-1"),
        (np.full((1, 64, 64, 2), np.nan), "nan"),
        (np.full((1, 64, 64, 2), np.inf), "inf"),
    ],
    ids=["no batch", "three channels", "channels first", "small", "no field", "13 bits",
         "negative", "nan", "inf"],
)  # fmt: skip
def test_a_wrong_input_is_refused(scorer: Scorer, wrong: NDArray[Any], found: str) -> None:
    with pytest.raises(PlateError, match=f"must .*found {found}") as caught:
        scorer.predict(wrong)
    assert "\n" not in str(caught.value)


def test_eight_bit_models_take_eight_bit_values() -> None:
    scorer = scorer_of("classifier", bit_depth=8, background=15)
    raw = np.random.default_rng(4).integers(0, 256, (1, SIZE, SIZE, 2))
    assert scorer.cut(raw[0].astype(np.uint8)).raw.min() == 15
    scorer.predict(raw)
    with pytest.raises(PlateError, match="between 0 and 255"):
        scorer.predict(raw + 1)


def test_each_channel_is_raised_to_its_own_background() -> None:
    scorer = scorer_of("classifier", background={"dc": 300, "tcell": 200})
    patches = scorer.cut(np.full((SIZE, SIZE, 2), 250, np.uint16))
    assert patches.raw.max(axis=(0, 1, 2)).tolist() == [300, 250]
    assert scorer.faulty(patches).tolist() == [True]


def test_seen_wells_are_those_of_training_and_tuning() -> None:
    assert CARD.seen == {"a", "b", "c"}
    assert CARD.changed(wells={}).seen == frozenset()


@pytest.fixture
def folder(scorer: Scorer, tmp_path: Path) -> Path:
    return scorer.save(tmp_path / "model")


def refused(folder: Path, match: str = "is not a valid model") -> None:
    with pytest.raises(PlateError, match=match) as caught:
        load_scorer(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["card.json", "network.keras"])
def test_a_folder_that_lacks_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    refused(folder)


def test_no_folder_is_refused(tmp_path: Path) -> None:
    refused(tmp_path / "nothing")


@pytest.mark.parametrize("text", ["", "{", "[]", '"card"', "{}", '{"format": 1}', "\xff"])
def test_a_damaged_card_is_refused(folder: Path, text: str) -> None:
    (folder / "card.json").write_bytes(text.encode("latin-1"))
    refused(folder)


def test_a_card_with_an_unknown_key_is_refused(folder: Path) -> None:
    content = json.loads((folder / "card.json").read_text())
    (folder / "card.json").write_text(json.dumps(content | {"colour": "red"}))
    refused(folder)


def test_another_format_is_named(folder: Path) -> None:
    content = CARD.model_dump() | {"format": 99}
    (folder / "card.json").write_text(json.dumps(content))
    refused(folder, "card.json is of format 99, this version of ck19ml reads 1")


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_cut_off_network_is_refused(folder: Path, share: float) -> None:
    path = folder / "network.keras"
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(folder)


def test_a_network_with_flipped_bytes_is_refused(folder: Path) -> None:
    path = folder / "network.keras"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    path.write_bytes(bytes(content))
    refused(folder)


def test_a_network_that_would_run_code_is_refused(folder: Path) -> None:
    inputs = keras.Input((SIZE, SIZE, 2))
    outputs = keras.layers.Lambda(lambda x: x[:, 0, 0, :])(inputs)
    (folder / "network.keras").unlink()
    keras.Model(inputs, outputs).save(folder / "network.keras")
    refused(folder)


def test_a_loaded_model_does_not_need_its_folder(folder: Path, scorer: Scorer) -> None:
    loaded = load_scorer(folder)
    shutil.rmtree(folder)
    assert loaded.predict(fields()).equals(scorer.predict(fields()))
