import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from ck19ml.core import overlap, patches
from ck19ml.core.simulation.compounds import Compounds
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import Camera
from ck19ml.errors import ConfigError, PlateError
from ck19ml.plates import simulation
from ck19ml.plates.simulation import file_name, simulate_plate

SIZE = 400
LAYOUT = pd.DataFrame(
    {
        "well": ["A03", "B16", "C09", "N18"],
        "stimulation": ["Unstimulated", "ConA", "OVA", "ConA"],
        "compound": ["", "7", "3", "DMSO"],
        "concentration_um": [np.nan, 10.0, 10.0, np.nan],
        "control": ["untreated", "", "", "vehicle"],
    }
)


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("simulated") / "CK19"
    return simulate_plate(out, LAYOUT, size=SIZE, seed=3)


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_a_plate_holds_two_images_a_well_and_its_truth(plate: Path) -> None:
    images = {path.name for path in plate.glob("*.tif")}
    assert len(images) == 8
    assert "CK19 - B - 16(fld 1 wv TexasRed - TexasRed).tif" in images
    assert "CK19 - A - 3(fld 1 wv FITC - FITC).tif" in images
    rest = {path.name for path in plate.iterdir()} - images
    assert rest == {"layout.csv", "truth.parquet", "wells.parquet", "simulation.json"}
    values = tifffile.imread(plate / file_name("CK19", "C09", "FITC"))
    assert (values.dtype, values.shape) == (np.uint16, (SIZE, SIZE))
    assert 255 < values.max() <= 4095


def test_the_layout_comes_back_as_it_was(plate: Path) -> None:
    written = pd.read_csv(plate / "layout.csv", keep_default_na=False, dtype=str)
    assert list(written) == ["well", "stimulation", "compound", "concentration_um", "control"]
    assert written["well"].tolist() == LAYOUT["well"].tolist()
    assert written["compound"].tolist() == ["", "7", "3", "DMSO"]


def test_truth_has_a_row_a_patch_and_its_overlap_follows_from_its_areas(plate: Path) -> None:
    truth = pd.read_parquet(plate / "truth.parquet")
    assert truth.groupby("well").size().to_dict() == dict.fromkeys(LAYOUT["well"], 4)
    union = truth["tcell_area_px"] + truth["dc_area_px"] - truth["overlap_area_px"]
    expected = truth["overlap_area_px"] / union.clip(lower=1)
    np.testing.assert_allclose(truth["overlap"], expected)
    assert truth["tcell_overlap"].between(0, 1).all()
    assert truth["overlap_area_px"].sum() > 0


def test_the_true_masks_are_those_of_the_images(plate: Path) -> None:
    truth = pd.read_parquet(plate / "truth.parquet").query("well == 'C09'")
    channels = [
        tifffile.imread(plate / file_name("CK19", "C09", name)) for name in ("TexasRed", "FITC")
    ]
    bright = patches.cut(np.stack(channels, axis=-1)) > patches.BACKGROUND
    seen = overlap.score(bright.astype(bool))
    np.testing.assert_allclose(seen.tcell_area_px, truth["tcell_area_px"], rtol=0.4, atol=30)


def test_the_bound_tcells_of_the_patches_are_those_of_the_well(plate: Path) -> None:
    truth = pd.read_parquet(plate / "truth.parquet")
    wells = pd.read_parquet(plate / "wells.parquet").set_index("well")
    sums = truth.groupby("well")[["contacts", "tcell_count"]].sum()
    # Some lie in the margin that patches leave out.
    assert (sums <= wells[["contacts", "tcell_count"]]).all(axis=None)
    assert (sums["tcell_count"] > 0.5 * wells["tcell_count"]).all()
    assert sums.loc["N18", "contacts"] > 0.8 * sums.loc["N18", "tcell_count"]
    assert (truth["contacts"] <= truth["tcell_count"]).all()


def test_wells_tell_counts_contacts_and_inhibition(plate: Path) -> None:
    wells = pd.read_parquet(plate / "wells.parquet").set_index("well")
    assert (wells["contacts"] <= wells["tcell_count"]).all()
    assert wells.loc["B16", "inhibition"] > 0.3  # compound 7 was followed up
    assert wells.loc[["A03", "N18"], "inhibition"].tolist() == [0, 0]
    assert wells.loc["N18", "contact_probability"] > wells.loc["B16", "contact_probability"]


def test_the_record_names_all_that_the_plate_follows_from(plate: Path) -> None:
    record = json.loads((plate / "simulation.json").read_text())
    assert (record["seed"], record["size"], record["plate"]) == (3, SIZE, "CK19")
    assert set(record["effects"]) == {"7", "3"}
    assert "7" in record["inhibitors"]
    assert record["effects"]["7"]["ic50_um"] > 0
    assert record["parameters"]["pixel_um"] == 1.34


def test_killers_and_positions_stand_in_the_truth(tmp_path: Path) -> None:
    parameters = Parameters(compounds=Compounds(toxic_share=1.0, lethal_um=(0.1, 0.1)))
    out = simulate_plate(tmp_path / "toxic", LAYOUT, size=192, seed=3, parameters=parameters)
    wells = pd.read_parquet(out / "wells.parquet").set_index("well")
    record = json.loads((out / "simulation.json").read_text())
    assert wells["toxic"].tolist() == [False, True, True, False]
    assert (wells.loc[["B16", "C09"], "tcell_effect"] < 0.9).all()
    assert wells.loc[["A03", "N18"], ["tcell_effect", "dc_effect"]].eq(1).all(axis=None)
    np.testing.assert_allclose(wells["tcell_effect"], 1 - wells["tcell_killed"])
    assert record["toxic"] == ["7", "3"]
    assert 0.2 <= record["effects"]["3"]["dc_kill"] <= 0.6
    assert Parameters.model_validate(record["parameters"]) == parameters
    assert wells["position_overlap"].nunique() == 4


def test_another_camera_sees_the_same_cells_with_other_grey_values(
    plate: Path, tmp_path: Path
) -> None:
    other = Parameters(camera=Camera(gain=1.5, read_noise=9.0))
    out = simulate_plate(tmp_path / "p", LAYOUT.iloc[:1], size=SIZE, seed=3, parameters=other)
    name = file_name("CK19", "A03", "FITC")
    usual, noisy = (tifffile.imread(folder / name).astype(float) for folder in (plate, out))
    truths = [pd.read_parquet(folder / "truth.parquet").head(4) for folder in (plate, out)]
    pd.testing.assert_series_equal(truths[0]["tcell_area_px"], truths[1]["tcell_area_px"])
    assert np.diff(noisy).std() > 1.2 * np.diff(usual).std()


def test_the_same_seed_gives_the_same_bytes(plate: Path, tmp_path: Path) -> None:
    again = simulate_plate(tmp_path / "again", LAYOUT, size=SIZE, seed=3)
    assert digests(again) == digests(plate)


def test_part_of_a_layout_gives_the_same_wells(plate: Path, tmp_path: Path) -> None:
    part = simulate_plate(tmp_path / "part", LAYOUT.iloc[[3, 1]], size=SIZE, seed=3)
    whole = digests(plate)
    images = {name: digest for name, digest in digests(part).items() if name.endswith(".tif")}
    assert len(images) == 4
    assert all(whole[name] == digest for name, digest in images.items())


def test_another_seed_gives_other_images(plate: Path, tmp_path: Path) -> None:
    other = simulate_plate(tmp_path / "other", LAYOUT.iloc[:1], size=SIZE, seed=4)
    name = file_name("CK19", "A03", "FITC")
    assert digests(other)[name] != digests(plate)[name]


def test_brightfield_is_a_third_image_that_changes_no_other(plate: Path, tmp_path: Path) -> None:
    out = tmp_path / "bright"
    simulate_plate(out, LAYOUT.iloc[:1], size=SIZE, seed=3, brightfield=True)
    assert len(list(out.glob("*Brightfield*"))) == 1
    for channel in ("FITC", "TexasRed"):
        name = file_name("CK19", "A03", channel)
        assert digests(out)[name] == digests(plate)[name]


def test_progress_counts_to_the_last_well(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    out = tmp_path / "p"
    simulate_plate(out, LAYOUT.iloc[:2], size=192, progress=lambda *at: seen.append(at))
    assert seen == [(1, 2), (2, 2)]


def test_an_existing_folder_is_kept_unless_it_may_go(tmp_path: Path) -> None:
    out = simulate_plate(tmp_path / "p", LAYOUT.iloc[:2], size=192)
    with pytest.raises(PlateError, match="already exists; use --overwrite"):
        simulate_plate(out, LAYOUT.iloc[:1], size=192)
    assert len(list(out.glob("*.tif"))) == 4
    simulate_plate(out, LAYOUT.iloc[:1], size=192, overwrite=True)
    assert len(list(out.glob("*.tif"))) == 2


def test_a_folder_that_is_no_simulated_plate_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(PlateError, match=r"not a simulated plate.*no simulation\.json"):
        simulate_plate(tmp_path, LAYOUT, size=192, overwrite=True)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(simulation, "_patch_truth", stop)
    with pytest.raises(KeyboardInterrupt):
        simulate_plate(tmp_path / "p", LAYOUT, size=192)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_stimulation_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    layout = LAYOUT.assign(stimulation="anti-CD3")
    with pytest.raises(ConfigError, match=r"anti-CD3.*Unstimulated, OVA, ConA"):
        simulate_plate(tmp_path / "p", layout, size=192)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"size": 191}, {"seed": -1}, {"plate": "CK/19"}])
def test_options_that_cannot_be_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="cannot be simulated; choose a size"):
        simulate_plate(tmp_path / "p", LAYOUT, **options)  # type: ignore[arg-type]
