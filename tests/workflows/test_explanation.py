"""Explanations of answers: wells are asked about again without some of their cells."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import tifffile
from scipy.special import softmax

from ck19ml.config import SplitConfig
from ck19ml.core.simulation.conditions import Condition
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.errors import ConfigError, PlateError
from ck19ml.networks.closed_form.head import head_logits
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.scorer import Scorer
from ck19ml.networks.settings import ClassifierSettings, ClosedFormHead
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.folder import find_plate
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells, read_layout
from ck19ml.plates.simulation import simulate_plate
from ck19ml.workflows.evaluate import evaluate_command
from ck19ml.workflows.reporting.explanation import Explanation, explain_wells, surest
from ck19ml.workflows.steps.closed_form import closed_form_of
from ck19ml.workflows.steps.split import Split, split_dataset
from tests.made_models import save_model, untrained_classifier, untrained_regressor
from tests.plates.prepared import prepare_dataset

pytestmark = pytest.mark.slow

ALIKE: dict[str, Any] = {
    "tcell_count": (900, 60), "dc_count": (700, 40), "tcell_area_um2": (105, 4),
    "dc_area_um2": (150, 9), "clumps": (0.4, 4), "coupling": (0, 0), "odd_coupling": (0, 0),
}  # fmt: skip
FEW, MANY = Condition(**ALIKE, contact=(0.05, 0.02)), Condition(**ALIKE, contact=(0.8, 0.05))
MORE_TCELLS = FEW.model_copy(update={"tcell_count": (1600, 60)})


def split_of(folder: Path, stimulated: Condition) -> Split:
    """24 wells of two stimulations, 2 x 2 patches each."""
    clean = Parameters(stacked=(0.1, 0.03), odd_every=0, droplet_share=0, blind_share=0)
    parameters = clean.model_copy(update={"conditions": {"Unstimulated": FEW, "OVA": stimulated}})
    layout = builtin_layout("ck19").assign(compound="", concentration_um=np.nan)
    layout = choose_wells(layout[layout["stimulation"] != "ConA"], 24)
    plate = simulate_plate(folder / "plate", layout, size=448, seed=1, parameters=parameters)
    labels, target = read_layout(plate / "layout.csv"), folder / "made.zarr"
    dataset = prepare_dataset(find_plate(plate), labels, target, mask="instrument", patch_size=192)
    return split_dataset(dataset, SplitConfig())


def measured(split: Split) -> Scorer:
    """The default champion: a discriminant on general measurements."""
    settings = ClassifierSettings(source="measurements", head=ClosedFormHead(kind="lda"))
    return closed_form_of(
        settings, split, None, masked=False, seed=1, threshold=0.2, refit=False
    )  # fmt: skip


def explain(scorer: Scorer, dataset: Dataset, which: Any = 9) -> Explanation:
    return explain_wells(scorer, dataset, evaluate(scorer, dataset).wells, which)


@pytest.fixture(scope="module")
def contacts(tmp_path_factory: pytest.TempPathFactory) -> Split:
    """Stimulations that differ only in how often T cells lie on DCs."""
    return split_of(tmp_path_factory.mktemp("contacts"), MANY)


@pytest.fixture(scope="module")
def explained(contacts: Split) -> Explanation:
    return explain(measured(contacts), contacts.dataset)


def stimulated(found: Explanation) -> pd.DataFrame:
    """Changes by well and removal, and numbers of cells, of the wells rightly called OVA."""
    own = found.table[(found.table["stimulation"] == "OVA") & (found.table["answer"] == "OVA")]
    assert len(own) >= 8
    return own.pivot_table(index="well", columns="removed", values=["change", "cells"])


def test_the_contacts_count_where_only_they_differ(explained: Explanation) -> None:
    change = stimulated(explained)["change"]
    assert (change["T cells on DCs"] < -10).all()
    assert (change["T cells on DCs"] < change["as many other T cells"] - 10).all()
    assert (change["T cells on DCs"] < change["all T cells"]).mean() >= 0.5
    unstimulated = explained.table[explained.table["answer"] == "Unstimulated"]
    contacts = unstimulated[unstimulated["removed"] == "T cells on DCs"]
    assert (contacts["change"] > 0).all(), "fewer contacts make such a well surer"


def test_the_contacts_count_like_other_t_cells_where_the_number_differs(tmp_path: Path) -> None:
    split = split_of(tmp_path, MORE_TCELLS)
    each = stimulated(explain(measured(split), split.dataset))
    a_cell = each["change"] / each["cells"]
    ratio = a_cell["T cells on DCs"] / a_cell["as many other T cells"]
    assert ratio.between(0.4, 2.5).all(), ratio


def test_the_table_has_a_row_a_well_and_removal(explained: Explanation, contacts: Split) -> None:
    table = explained.table
    assert list(table) == ["plate", "well", "stimulation", "answer", "log_odds", "removed",
                           "cells", "change"]  # fmt: skip
    assert set(table["well"]) == set(contacts.wells.query("role == 'test'")["well"])
    assert (table.groupby("well")["removed"].agg(list).str.len() == 4).all()
    assert table["removed"].nunique() == 4
    assert [picture.shape for picture in explained.pictures.values()] == [(5, 192, 192, 2)] * 4
    for picture in explained.pictures.values():
        assert (picture[1, ..., 1] == picture[0, ..., 1]).all(), "DCs leave the T cells alone"
        assert (picture[2:, ..., 0] == picture[0, ..., 0]).all()
        assert picture[2, ..., 1].max() < picture[0, ..., 1].max()


def test_logits_are_those_of_the_head(contacts: Split) -> None:
    head = measured(contacts).network
    features = np.random.default_rng(0).normal(size=(3, head.input_shape[1])).astype(np.float32)
    features[:, 0] = np.nan
    found = softmax(head_logits(head, features), axis=1)
    np.testing.assert_allclose(found, head.predict_on_batch(features), atol=1e-5)


def test_a_network_is_explained_too(contacts: Split) -> None:
    found = explain(untrained_classifier(contacts), contacts.dataset, 1).table
    assert np.isfinite(found["change"]).all()
    assert found["change"].abs().max() > 0


def test_the_surest_right_answers_come_first_each_stimulation_in_turn() -> None:
    rows = [("A", "A", 0.9), ("A", "A", 0.8), ("B", "B", 0.6), ("B", "A", 0.99), ("B", "B", 0.7)]
    wells = pd.DataFrame(rows, columns=["stimulation", "predicted", "probability_A"])
    own = wells["probability_A"].where(wells["predicted"] == "A", 1 - wells["probability_A"])
    wells["probability_B"] = wells["probability_A"].where(wells["predicted"] == "B", 1 - own)
    wells["well"] = ["A01", "A02", "B01", "B02", "B03"]
    assert surest(wells, 2)["well"].tolist() == ["A01", "B03"]
    assert surest(wells, 9)["well"].tolist() == ["A01", "B03", "A02", "B01", "B02"]


def test_evaluate_says_it_and_keeps_table_and_figure(contacts: Split, store: Path) -> None:
    save_model(measured(contacts), store / "model")
    path = contacts.dataset.path
    found = evaluate_command(str(store / "model"), path, None, overwrite=False, explain="2")
    told = [line for line in found.lines if "; change without all DCs " in line]
    assert len(told) == 2
    folder = Path(mlflow.artifacts.download_artifacts(run_id=found.data["run"]))
    assert len(pd.read_csv(next(folder.rglob("explanation.csv")))) == 8
    assert next(folder.rglob("explanation.png")).stat().st_size > 10_000
    well = told[0].split(":")[0]
    with pytest.raises(ConfigError, match="Z99 is not among the 4 evaluated wells; choose of"):
        evaluate_command(
            str(store / "model"), path, None, overwrite=False, explain=f"{well}, Z99"
        )  # fmt: skip


@pytest.fixture
def moved(contacts: Split) -> Iterator[Path]:
    """The plate's folder under another name, as long as a test runs."""
    plate = contacts.dataset.path.parent / "plate"
    plate.rename(plate.parent / "away")
    yield plate
    (plate.parent / "away").rename(plate)


def test_images_that_are_not_there_are_named(contacts: Split, moved: Path) -> None:
    with pytest.raises(PlateError, match=r"are not in .*plate; .*put the plate back"):
        explain(measured(contacts), contacts.dataset)


def test_images_that_were_changed_are_named(contacts: Split) -> None:
    scorer = measured(contacts)
    wells = surest(evaluate(scorer, contacts.dataset).wells, 1)
    plate = find_plate(contacts.dataset.path.parent / "plate")
    file = next(field.dc for field in plate.fields if field.well == wells["well"].iloc[0])
    before = file.read_bytes()
    image = tifffile.imread(file)
    tifffile.imwrite(file, image[::-1])
    try:
        with pytest.raises(PlateError, match="these are not the pixels that"):
            explain_wells(scorer, contacts.dataset, wells, 1)
    finally:
        file.write_bytes(before)


def test_only_a_classifier_of_raw_light_is_explained(contacts: Split) -> None:
    wells = pd.DataFrame()
    with pytest.raises(PlateError, match="a model of kind regressor; leave --explain out"):
        explain_wells(untrained_regressor(contacts), contacts.dataset, wells, 1)
    scorer = measured(contacts)
    with pytest.raises(PlateError, match="illumination was corrected"):
        explain_wells(scorer.changed(illumination=True), contacts.dataset, wells, 1)
