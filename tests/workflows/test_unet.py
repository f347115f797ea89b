"""A small network from simulated wells to the masks of a dataset, told once and looked at often."""

from dataclasses import dataclass
from pathlib import Path

import mlflow
import numpy as np
import pytest
import tifffile
from mlflow import MlflowClient
from numpy.typing import NDArray

from ck19ml.config import MasksConfig, PrepareConfig, SplitConfig, UnetConfig
from ck19ml.core.mask_methods import NETWORK, MaskSettings, label_mask, segment
from ck19ml.core.patches import cut
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.mask_examples import Conditions, clear_views, simulate_well
from ck19ml.errors import ConfigError, PlateError, TrackingError
from ck19ml.networks import architectures
from ck19ml.networks.mask_model import SHIPPED, MaskNetwork, load_mask_network
from ck19ml.networks.scorer import Scorer, load_scorer, mask_network_of
from ck19ml.networks.settings import FitSettings
from ck19ml.plates.annotations import annotated_fields
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.tracking import registry
from ck19ml.workflows import masks as comparison
from ck19ml.workflows import unet as workflow
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.prepare import prepare, prepared
from ck19ml.workflows.steps.finish import card
from ck19ml.workflows.steps.split import split_dataset
from ck19ml.workflows.unet import simulated_fields

pytestmark = pytest.mark.slow

CHAMPION = "models:/ck19-unet@champion"
CONFIG = UnetConfig(
    filters=4,
    wells=6,
    validation_wells=3,
    size=192,
    conditions=Conditions(diameter=(0.8, 1.25)),
    fit=FitSettings(epochs=2, batch_size=8, least_steps=1),
)
MASKED = PrepareConfig(mask="unet", workers=2)


@dataclass
class Told:
    folder: Path
    first: Outcome
    imitation: Outcome
    dataset: Dataset
    image: NDArray[np.uint16]


def write_wells(folder: Path, wells: range) -> None:
    """Write blurred, noisy wells as the instrument names its files, with their true labels."""
    parameters = clear_views()
    blurred = parameters.camera.changed(blur_px=2.0)
    parameters = parameters.changed(camera=blurred)
    for index in wells:
        rng = np.random.default_rng([77, index])
        well = simulate_well(index, 192, rng, Degradation(noise=3.0, gradient=0.4), parameters)
        for wave, plane, mask in zip(("TexasRed", "FITC"), well.image, well.truth, strict=True):
            name = f"P - A - {index + 1}(fld 1 wv {wave} - {wave})"
            tifffile.imwrite(folder / f"{name}.tif", plane)
            tifffile.imwrite(folder / f"{name}_labels.tif", label_mask(mask, 1).astype(np.uint16))


@pytest.fixture(scope="module")
def told(store: Path, tiny_plate: Path) -> Told:
    first = workflow.unet_command(CONFIG.model_copy(update={"out": store / "out"}))
    imitation = workflow.unet_command(CONFIG.model_copy(update={"target": "threshold"}))
    plate = find_plate(tiny_plate)
    dataset = prepare(plate, store / "d.zarr", MASKED)
    image = read_field(plate.fields[0], plate.description)
    return Told(store, first, imitation, dataset, image)


@pytest.fixture(scope="module")
def champion(told: Told) -> MaskNetwork:
    place = told.folder / "fetched"
    place.mkdir()
    return registry.fetch_masks(CHAMPION, place).loaded


class TestTraining:
    def test_the_run_holds_scores_curves_and_figures(self, told: Told) -> None:
        run = MlflowClient().get_run(told.first.data["run"])
        assert run.info.status == "FINISHED"
        assert 0 <= run.data.metrics["validation/iou"] <= 1
        assert {"train/loss", "validation/loss", "epochs_run"} <= set(run.data.metrics)
        names = {f.path for f in MlflowClient().list_artifacts(run.info.run_id, "figures")}
        assert names == {"figures/learning_curves.png", "figures/masks.png"}

    def test_the_first_is_champion_and_one_of_another_target_is_not(self, told: Told) -> None:
        assert told.first.data["promoted"] is True
        assert told.imitation.data["promoted"] is False
        assert "its target is truth, that of the other threshold" in " ".join(told.imitation.lines)

    def test_any_mlflow_client_masks_raw_fields(self, told: Told, champion: MaskNetwork) -> None:
        fields = np.random.default_rng(0).integers(100, 900, (1, 200, 392, 2)).astype(np.uint16)
        found = mlflow.pyfunc.load_model(CHAMPION).predict(fields)
        np.testing.assert_array_equal(found, champion.predict(fields))

    def test_its_card_names_the_wells_of_its_own_seeds(self, champion: MaskNetwork) -> None:
        wells = champion.card.wells
        assert (len(set(wells["train"])), len(set(wells["validation"]))) == (6, 3)
        assert len(set(wells["gate"])) == 12
        assert len(set(wells["train"]) | set(wells["validation"]) | set(wells["gate"])) == 21

    def test_it_is_no_classifier(self, told: Told) -> None:
        with pytest.raises(TrackingError, match=r"loaded by ck19ml\.networks\.mask_model"):
            registry.load_model(CHAMPION)

    def test_the_same_seed_simulates_the_same_wells(self, champion: MaskNetwork) -> None:
        again = simulated_fields(CONFIG, "train")
        assert [field.sha256 for field in again] == champion.card.wells["train"]

    def test_it_is_written_to_a_folder_too(self, told: Told, champion: MaskNetwork) -> None:
        out = load_mask_network(told.folder / "out")
        assert out.card == champion.card
        assert "6 simulated wells, cells 0.8 to 1.25 times" in out.card.trained_on
        plane = np.random.default_rng(0).integers(100, 900, (60, 80)).astype(np.uint16)
        np.testing.assert_array_equal(out(plane, 9.0), champion(plane, 9.0))

    def test_a_folder_that_exists_is_left(self, told: Told) -> None:
        with pytest.raises(ConfigError, match="out already exists; give a new folder"):
            workflow.unet_command(CONFIG.model_copy(update={"out": told.folder / "out"}))


class TestGate:
    def test_a_champion_is_measured_on_wells_of_the_gate(
        self, told: Told, champion: MaskNetwork
    ) -> None:
        gate = simulated_fields(CONFIG.model_copy(update={"seed": CONFIG.seed + 1}), "gate")
        now = registry.champion("ck19-unet")
        assert now is not None
        names = [field.sha256 for field in gate]
        losses, _ = workflow.measure(gate)(now, names)
        table = workflow.field_scores(champion, gate)
        assert list(losses) == names
        assert list(losses.values()) == pytest.approx((1 - table["iou"]).tolist())

    @pytest.mark.parametrize("role", ["train", "validation", "gate"])
    def test_wells_that_the_champion_has_seen_do_not_count(self, told: Told, role: str) -> None:
        part = simulated_fields(CONFIG, role)
        now = registry.champion("ck19-unet")
        assert now is not None
        assert workflow.measure(part)(now, [field.sha256 for field in part]) == (
            {},
            "it has seen every well of the gate",
        )


@pytest.fixture(scope="module")
def annotated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("annotated")
    write_wells(folder, range(16))
    return folder


class TestAnnotations:
    """Ten degraded wells with label images beside their images."""

    def test_they_lift_the_shipped_network_on_others_like_them(
        self, store: Path, annotated: Path
    ) -> None:
        fit = FitSettings(epochs=4, batch_size=8, least_steps=20, learning_rate=1e-3)
        config = UnetConfig(annotations=annotated, start="shipped", fit=fit)
        outcome = workflow.unet_command(config)
        lines = " ".join(outcome.lines)
        assert "on 6 annotated validation fields, against their labels" in lines
        assert "- shipped, before this training:" in lines
        place = store / "annotated"
        place.mkdir()
        made = registry.fetch_masks(outcome.data["model"], place).loaded
        assert made.card.target == "annotations"
        assert made.card.trained_on == "20 annotated images, from shipped"
        fresh = annotated_fields(annotated, config.seed)["gate"]
        shipped = registry.fetch_masks("shipped", place).loaded
        after, before = (workflow.field_scores(each, fresh)["iou"] for each in (made, shipped))
        assert (after - before).mean() > 0.01
        assert (after > before).mean() > 0.7

    def test_another_architecture_cannot_begin_with_it(self, annotated: Path) -> None:
        config = UnetConfig(annotations=annotated, start="shipped", filters=4)
        with pytest.raises(ConfigError, match=r"start: shipped has other layers than .* 4 filters"):
            workflow.unet_command(config)


class TestPrepare:
    def test_the_masks_are_the_shipped_networks(self, told: Told) -> None:
        expected = segment(told.image, MaskSettings(NETWORK), load_mask_network(SHIPPED)).masks
        found = told.dataset.read_masks(np.arange(4))
        np.testing.assert_array_equal(found, cut(np.moveaxis(expected, 0, -1)))
        assert found.any()

    def test_the_dataset_knows_and_keeps_it(self, told: Told) -> None:
        kept = mask_network_of(told.dataset)
        assert kept is not None
        assert kept.card == load_mask_network(SHIPPED).card
        assert len(told.dataset.parameters["mask_network"]) == 64

    def test_it_is_found_again_and_another_network_is_told_apart(
        self, told: Told, tiny_plate: Path
    ) -> None:
        plate, target = find_plate(tiny_plate), told.folder / "d.zarr"
        assert prepared(plate, target, MASKED) is not None
        for model in (told.imitation.data["model"], CHAMPION):
            other = MASKED.model_copy(update={"mask_model": model})
            with pytest.raises(ConfigError, match="mask_network"):
                prepared(plate, target, other)

    def test_a_missing_network_is_said_in_one_line(self, told: Told, tiny_plate: Path) -> None:
        config = MASKED.model_copy(update={"mask_model": "models:/nosuch@champion"})
        with pytest.raises(TrackingError, match="ck19ml unet"):
            prepare(find_plate(tiny_plate), told.folder / "e.zarr", config)
        assert not (told.folder / "e.zarr").exists()

    def test_a_model_of_these_masks_carries_the_network(self, told: Told, tmp_path: Path) -> None:
        dataset = open_dataset(told.dataset.path)
        split = split_dataset(dataset, SplitConfig())
        known = card("autoencoder", split, masked=True, seed=1)
        network = architectures.build_autoencoder("compact", 192)
        saved = Scorer(network, known, mask_network_of(dataset)).save(tmp_path / "model")
        found = load_scorer(saved).masks(told.image)
        np.testing.assert_array_equal(found, dataset.read_masks(np.arange(4)))

    def test_a_model_without_its_network_is_refused(self, told: Told, tmp_path: Path) -> None:
        known = card("autoencoder", split_dataset(told.dataset, SplitConfig()), masked=True, seed=1)
        saved = Scorer(architectures.build_autoencoder("compact", 192), known).save(
            tmp_path / "model"
        )
        with pytest.raises(PlateError, match="is not a valid mask network"):
            load_scorer(saved)


class TestComparison:
    CONFIG = MasksConfig(
        methods=["otsu", "threshold-field", "unet"],
        mask_model=CHAMPION,
        wells=2,
        size=192,
        conditions={"plain": {}, "degraded": {"noise": 2.0}},
    )

    def test_all_methods_stand_beside_what_needs_none(self, told: Told) -> None:
        outcome = comparison.masks_command(self.CONFIG)
        methods = ("above-background", "otsu", "threshold-field", "unet")
        for condition in ("plain", "degraded"):
            assert {f"{condition}/{name}/iou" for name in methods} <= set(outcome.data)
            assert f"{condition}/gain" in outcome.data
        files = MlflowClient().list_artifacts(outcome.data["run"])
        assert {"masks.csv", "wells.csv", "gains.csv"} <= {file.path for file in files}
        figures = MlflowClient().list_artifacts(outcome.data["run"], "figures")
        assert [file.path for file in figures] == [
            "figures/mask_methods.png",
            "figures/mask_scores.png",
        ]

    def test_wells_that_the_network_has_seen_are_refused(
        self, told: Told, champion: MaskNetwork, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        seen = comparison.simulate_wells(self.CONFIG)["degraded"][1].sha256
        leaky = MaskNetwork(champion.network, champion.card.changed(wells={"validation": [seen]}))
        stored = type("Stored", (), {"loaded": leaky})()
        monkeypatch.setattr(registry, "fetch_masks", lambda uri, place: stored)
        with pytest.raises(ConfigError, match="was trained on some of these wells"):
            comparison.masks_command(self.CONFIG)
