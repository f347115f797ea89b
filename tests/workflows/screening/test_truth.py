import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from ck19ml.core.scores.intervals import Score
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.screening.analysis import analyse, screen_metrics
from ck19ml.workflows.screening.figures import screen_figures
from ck19ml.workflows.screening.text import screen_lines
from ck19ml.workflows.screening.truth import Truth, find_truth, verdict
from tests.workflows.screening.wells import INHIBITORS, MEANING, made_wells


def truth(plate: str) -> Truth:
    names = [str(number) for number in range(1, 46)]
    return Truth(
        {(plate, n): (0.9 if n in INHIBITORS else 0.0, INHIBITORS.get(n, 1.0)) for n in names}
    )


def test_a_screen_that_sees_more_than_the_overlap_says_so() -> None:
    screen = analyse(made_wells("ck19"), MEANING, 0.05, 0.0, truth("CK19"), seed=1)
    metrics = screen_metrics(screen)
    assert metrics["screen/average_precision_score"] == 1
    assert metrics["screen/recall_score"] == 1
    assert metrics["screen/average_precision_overlap"] < 0.5
    assert metrics["screen/average_precision_gain_over_overlap_low"] > 0
    lines = "\n".join(screen_lines(screen))
    assert "the model finds more than plain overlap" in lines
    assert "the model has seen none of the 294 wells" in lines
    assert screen.hits.loc[screen.hits["known_inhibitor"], "compound"].isin(INHIBITORS).all()


def test_replicates_of_an_inhibitor_find_each_other() -> None:
    pytest.importorskip("copairs")
    screen = analyse(made_wells("ck19"), MEANING, 0.05, 0.0, None, seed=1)
    own = screen.hits[screen.hits["compound"].isin(INHIBITORS)]
    assert (own.loc[own["stimulation"] == "ConA", "replicate_map"] == 1).all()
    metrics = screen_metrics(screen)
    assert 0.3 < metrics["screen/replicate_map_Unstimulated"] < 0.55  # by chance 0.37
    assert any(line.startswith("replicates, mean average") for line in screen_lines(screen))


def test_a_screen_that_adds_nothing_says_so_too() -> None:
    wells = made_wells("ck19")
    swapped = wells.assign(score=wells["overlap"], overlap=wells["score"])
    lines = "\n".join(screen_lines(analyse(swapped, MEANING, 0.05, 0.0, truth("CK19"), seed=1)))
    assert "plain overlap finds more than the model" in lines
    same = wells.assign(overlap=wells["score"])
    lines = "\n".join(screen_lines(analyse(same, MEANING, 0.05, 0.0, truth("CK19"), seed=1)))
    assert "the model adds nothing to plain overlap" in lines


def test_fitted_ic50s_are_judged() -> None:
    screen = analyse(made_wells("ck21"), MEANING, 0.05, 0.0, truth("CK21"), seed=1)
    metrics = screen_metrics(screen)
    assert metrics["screen/ic50_supported_share_score"] == 1
    assert metrics["screen/ic50_supported_share_overlap"] == 0
    assert metrics["screen/ic50_log10_error_score"] < 0.2
    lines = "\n".join(screen_lines(screen))
    assert "IC50 by the model: 2 of 2 supported where there is one" in lines
    assert "dose curves: the score supports" in lines


def test_two_plates_are_screened_each_by_its_own_controls() -> None:
    library, doses = made_wells("ck19"), made_wells("ck21")
    both = pd.concat([library, doses.assign(score=doses["score"] + 100)], ignore_index=True)
    screen = analyse(both, MEANING, 0.05, 0.0, None, seed=1)
    assert set(screen.hits["plate"]) == {"CK19", "CK21"}
    alone = analyse(library, MEANING, 0.05, 0.0, None, seed=1).hits.set_index(
        ["stimulation", "compound"]
    )
    own = screen.hits[screen.hits["plate"] == "CK19"].set_index(["stimulation", "compound"])
    assert own["score_p"].to_dict() == pytest.approx(alone["score_p"].to_dict())
    metrics = screen_metrics(screen)
    assert {"screen/z_prime_ConA_CK19_score", "screen/z_prime_ConA_CK21_score"} <= set(metrics)
    figures = screen_figures(screen)
    assert {"plate-CK19", "plate-CK21", "position-CK21-score"} <= set(figures)
    assert {"hits", "controls", "dose_curves-score"} <= set(figures)
    assert set(screen.doses["plate"]) == {"CK21"}
    assert "known_inhibitors" not in figures


def test_seen_wells_are_warned_of() -> None:
    wells = made_wells("ck19")
    screen = analyse(wells.assign(seen=wells.index < 100), MEANING, 0.05, 0.0, None, seed=1)
    lines = "\n".join(screen_lines(screen))
    assert "trained or tuned on 100 of 294 wells" in lines
    assert screen.hits["seen"].sum() > 0
    assert "known inhibitors" not in lines  # not a simulated plate


def test_missing_vehicles_are_said() -> None:
    wells = made_wells("ck19")
    left = wells[wells["kind"] != "vehicle"]
    lines = screen_lines(analyse(left, MEANING, 0.05, 0.0, None, seed=1))
    assert sum("fewer than 3 vehicle wells" in line for line in lines) == 3
    controls = wells[wells["kind"] != "compound"]
    lines = screen_lines(analyse(controls, MEANING, 0.05, 0.0, None, seed=1))
    assert "no compounds in the layout: controls and positions only" in lines


@pytest.mark.parametrize(
    ("gain", "words"),
    [
        (Score(0.2, 0.1, 0.3), "the model finds more than plain overlap"),
        (Score(-0.2, -0.3, -0.1), "plain overlap finds more than the model"),
        (Score(0.2, -0.1, 0.3), "the model adds nothing"),
        (Score(0.2, float("nan"), float("nan")), "the model adds nothing"),
    ],
)
def test_the_verdict_is_the_interval_s(gain: Score, words: str) -> None:
    assert verdict(gain, "plain overlap").startswith(words)


def test_the_truth_of_a_simulated_plate_is_found(tiny_dataset: Dataset, tmp_path: Path) -> None:
    found = find_truth(tiny_dataset)
    assert found is not None
    source = Path(tiny_dataset.info["source"])
    record = json.loads((source / "simulation.json").read_text())
    assert {name for (_, name), (largest, _) in found.effects.items() if largest > 0} == set(
        record["inhibitors"]
    )
    real = replace(tiny_dataset, path=tmp_path / "x.zarr", info={"source": str(tmp_path / "no")})
    assert find_truth(real) is None


def test_a_record_of_another_plate_is_no_truth(tiny_dataset: Dataset) -> None:
    other = replace(tiny_dataset, table=tiny_dataset.table.assign(plate="CK99"))
    assert find_truth(other) is None
