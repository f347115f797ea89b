"""The page about a run: of real runs in a real store."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from ck19ml.errors import PlateError, TrackingError
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import runs
from ck19ml.tracking.runs import Run
from ck19ml.workflows.report import report_command
from ck19ml.workflows.reporting.gather import report
from ck19ml.workflows.reporting.scores import Row, score_tables

EVIL = "<script>alert('x')</script>"
MODEL = "models:/ck19-classifier@champion"
HITS = pd.DataFrame(
    {
        "rank": [1, 2],
        "plate": "CK19",
        "stimulation": ["ConA", "OVA"],
        "compound": ["36", EVIL],
        "concentration_um": [10.0, 0.003],
        "wells": 2,
        "score_effect": [-7.25, 0.5],
        "score_q": [0.00012, float("nan")],
        "score_hit": [True, False],
    }
)


@pytest.fixture(scope="module")
def dataset(store: Path) -> Path:
    folder = store / "plate.zarr"
    folder.mkdir()
    info = {
        "content_hash": "0123456789abcdef",
        "source": "data/plate",
        "confounding": ["stimulation can be told from the column alone"],
    }
    (folder / "dataset.json").write_text(json.dumps(info))
    return folder


@pytest.fixture(scope="module")
def evaluated(dataset: Path) -> Run:
    config = {"model": MODEL, "dataset": str(dataset), "seed": 2211}
    with runs.start("evaluate classifier", "evaluate", config) as run:
        table = pd.DataFrame({"well": ["A03"]})
        run.dataset(Dataset(dataset, table, table, {"content_hash": "0123456789abcdef"}))
        run.metrics(
            {
                "test/well_accuracy": 0.76667,
                "test/well_accuracy_low": 0.6,
                "test/well_accuracy_high": 0.9,
                "test/baseline_overlap_well_accuracy": 0.633,
                "test/interaction_prevalence": 0.0105,
                "test/interaction_average_precision": 0.31,
                "test/well_calibration_error": 0.083,
            }
        )
        figure = Figure()
        figure.subplots().plot([0, 1])
        run.figure("scores", figure)
        run.describe(f"Well accuracy: better by 10 points [4, 16].\n- overlap MSE: 0.01\n{EVIL}")
    return run


@pytest.fixture(scope="module")
def screened(dataset: Path) -> Run:
    with runs.start("screen CK19", "screen", {"model": MODEL, "dataset": str(dataset)}) as run:
        run.metrics({"screen/wells": 294, "screen/seen_wells": 221})
        run.table("hits", HITS)
    return run


def test_the_page_says_what_was_run_on_what(evaluated: Run, dataset: Path) -> None:
    page = report(evaluated.id)
    for said in (
        "evaluate classifier", evaluated.id, MODEL, "content hash 0123456789abcdef", str(dataset),
        "data/plate", "2211", "FINISHED", "Well accuracy: better by 10 points [4, 16].\n- ",
        "- overlap MSE: 0.01\n",
    ):  # fmt: skip
        assert said in page, said
    assert re.search(r"<th>git commit</th><td>([0-9a-f]{40}|not recorded)</td>", page)
    assert re.search(r"<th>keras</th><td>\d", page)


def test_scores_stand_beside_intervals_and_baselines(evaluated: Run) -> None:
    page = " ".join(report(evaluated.id).split())
    assert (
        '<td>well accuracy</td> <td class="number">0.767</td><td class="number">0.6 to 0.9</td>'
        '</tr> <tr class="baseline"><td>baseline: thresholds on the overlap</td> '
        '<td class="number">0.633</td>'
    ) in page


def test_caveats_are_the_run_s_own(evaluated: Run) -> None:
    page = report(evaluated.id)
    assert "Confounding: stimulation can be told from the column alone." in page
    assert "1.05 % of the patches interact: “never” is right in 98.95 %" in page
    assert "it is 0.31; a guess scores 0.0105" in page
    assert "the probabilities of wells are off by 8.3 percentage points" in page


def test_a_dataset_that_was_changed_says_nothing_of_confounding(
    evaluated: Run, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dataset / "dataset.json"
    before = path.read_text()
    path.write_text(before.replace("0123", "3210"))
    try:
        page = report(evaluated.id)
    finally:
        path.write_text(before)
    assert "Confounding is unknown" in page
    assert "from the column alone" not in page


def test_the_page_loads_nothing_and_runs_nothing(evaluated: Run, screened: Run) -> None:
    for run in (evaluated, screened):
        page = report(run.id)
        assert "<script" not in page
        assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []
        assert EVIL.replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;") in page
    assert report(evaluated.id).count('src="data:image/png;base64,') == 1


def test_the_hit_list_is_the_run_s_own_or_that_of_the_model_s_screen(
    evaluated: Run, screened: Run
) -> None:
    own, linked = report(screened.id), report(evaluated.id)
    assert "Of this run: 1 hits by the score among 2 tests" in own
    assert f"Of run {screened.id}, the newest screen by the model of this run: 1 hits" in linked
    assert '<tr class="hit"><td>1</td><td>CK19</td><td>ConA</td><td>36</td><td>10</td>' in (
        "".join(own.splitlines()).replace("> <", "><")
    )
    assert "trained or tuned on 221 of the 294 wells" in own


def test_a_preparation_lists_the_wells_to_look_at_and_links_to_its_pictures(store: Path) -> None:
    fields = pd.DataFrame(
        {"plate": "CK19", "well": ["A03", "A04"], "field": 1, "flagged": ["", "focus_dc; many_dc"]}
    )
    with runs.start("prepare CK19", "prepare", {"target": "plate.zarr"}) as run:
        run.table("fields", fields)
        figure = Figure()
        figure.subplots().plot([0, 1])
        run.figure("wells_to_look_at", figure)
    page = "".join(report(run.id).splitlines())
    assert "1 of 2 fields are doubtful" in page
    assert "<td>CK19</td><td>A04</td><td>1</td><td>focus_dc; many_dc</td>" in page
    assert "<td>A03</td>" not in page
    assert '<a href="#figure-1">wells_to_look_at</a>' in page
    assert '<figure id="figure-1">' in page


def test_an_unfinished_run_says_so(store: Path) -> None:
    with pytest.raises(RuntimeError), runs.start("tune x", "tune", {"seed": 1}) as run:
        raise RuntimeError(EVIL)
    page = report(run.id)
    assert "The run is FAILED" in page
    assert EVIL not in page


def test_a_page_is_not_overwritten_unless_asked(evaluated: Run, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    assert report_command(evaluated.id, out, overwrite=False).data["out"] == str(out)
    first = out.read_text()
    with pytest.raises(PlateError, match="use --overwrite"):
        report_command(evaluated.id, out, overwrite=False)
    report_command(evaluated.id, out, overwrite=True)
    assert out.read_text() == first
    with pytest.raises(PlateError, match="no is not a folder"):
        report_command(evaluated.id, tmp_path / "no" / "report.html", overwrite=False)


def test_a_run_that_is_not_there_is_one_line(store: Path, tmp_path: Path) -> None:
    for name in ("0" * 32, "nonsense", "../../etc", ""):
        with pytest.raises(TrackingError, match="no run in sqlite") as caught:
            report_command(name, tmp_path / "report.html", overwrite=False)
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_command_writes_the_page(evaluated: Run, store: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.html"
    command = [sys.executable, "-m", "ck19ml", "report", evaluated.id, "--out", out, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=store)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"run": evaluated.id, "out": str(out)}
    assert out.read_text().startswith("<!doctype html>")


def test_baselines_follow_the_score_that_they_belong_to() -> None:
    metrics = {
        "test/accuracy": 0.5,
        "test/well_accuracy": 1.0,
        "test/well_accuracy_low": 0.9,
        "test/well_accuracy_high": 1.0,
        "test/baseline_majority_accuracy": 0.375,
        "test/baseline_majority_well_accuracy": 0.25,
        "test/attention_well_accuracy": 0.75,
        "test/patches": 30.0,
        "train/loss": 1.0,
    }
    (table,) = score_tables(metrics)
    assert table.title == "Scores on unseen wells"
    assert table.rows == [
        Row("well accuracy", "1", "0.9 to 1", False),
        Row("attention over patches", "0.75", "", True),
        Row("baseline: majority class", "0.25", "", True),
        Row("patch accuracy", "0.5", "", False),
        Row("baseline: majority class", "0.375", "", True),
        Row("patches", "30", "", False),
    ]
    assert score_tables({"train/loss": 1.0}) == []


def test_a_screen_s_figures_stand_beside_those_of_plain_overlap() -> None:
    metrics = {
        "screen/wells": 294.0,
        "screen/z_prime_ConA_overlap": -1.5,
        "screen/z_prime_ConA_tcell_overlap": -1.125,
        "screen/z_prime_ConA_score": 0.5,
        "screen/z_prime_ConA_score_low": 0.25,
        "screen/z_prime_ConA_score_high": 0.75,
    }
    (table,) = score_tables(metrics)
    assert table.rows == [
        Row("Z' ConA by the model", "0.5", "0.25 to 0.75", False),
        Row("baseline: by plain overlap", "-1.5", "", True),
        Row("baseline: by T-cell overlap", "-1.12", "", True),
        Row("wells", "294", "", False),
    ]
