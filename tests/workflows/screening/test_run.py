"""The command on a real dataset, a real store and real files; the network is not trained."""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from ck19ml.config import SplitConfig
from ck19ml.errors import ConfigError, PlateError
from ck19ml.networks import scorer as scorer_module
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry, runs
from ck19ml.workflows.screen import screen_command
from ck19ml.workflows.screening.score import patch_scores, score_meaning
from ck19ml.workflows.steps.split import Split, split_dataset
from ck19ml.workflows.tables import features_command
from tests.made_models import untrained_classifier

WANTED: dict[str, Any] = {"target": "", "reference": "", "fdr": 0.05, "least_ssmd": 2}


@pytest.fixture(scope="module")
def split(tiny_dataset: Dataset) -> Split:
    return split_dataset(tiny_dataset, SplitConfig())


@pytest.fixture(scope="module")
def scorer(split: Split) -> Scorer:
    # Of so few wells the overlap of OVA is at times below that of Unstimulated.
    learnt = split.baselines("train").changed(class_overlap=[0.02, 0.01, 0.04])
    return untrained_classifier(split, baselines=learnt)


def test_the_score_lies_between_the_least_and_the_most_overlap(scorer: Scorer) -> None:
    meaning = score_meaning(scorer.card, "")
    assert (meaning.reference, meaning.target) == ("Unstimulated", "ConA")
    assert score_meaning(scorer.card, "OVA").label.startswith("log-odds of OVA")
    renamed = scorer.card.changed(classes=["DMSO 0.1%", "weak", "strong"])
    assert score_meaning(renamed, "").reference == "DMSO 0.1%"
    assert score_meaning(scorer.card, "", "OVA").reference == "OVA"
    regressor = score_meaning(scorer.card.changed(kind="regressor"), "")
    assert regressor.percent


def test_an_unclear_reference_is_asked_for(scorer: Scorer) -> None:
    for classes in (["a", "weak", "strong"], ["control a", "control b", "strong"]):
        renamed = scorer.card.changed(classes=classes)
        with pytest.raises(ConfigError, match="is the reference without a stimulus; name it by"):
            score_meaning(renamed, "")
        assert score_meaning(renamed, "", "strong").reference == "strong"
    with pytest.raises(ConfigError, match="does not know the reference 'no'; choose one of"):
        score_meaning(scorer.card, "", "no")


@pytest.mark.parametrize(
    ("changes", "target", "words"),
    [
        ({}, "Unstimulated", "is not one of OVA, ConA"),
        ({}, "Y3-P", "'Y3-P' is not one of OVA, ConA"),
        ({"kind": "regressor"}, "ConA", "a regressor takes no target"),
        ({"kind": "autoencoder"}, "", "use a classifier or a regressor"),
    ],
)
def test_targets_that_make_no_score(
    scorer: Scorer, changes: dict[str, Any], target: str, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        score_meaning(scorer.card.changed(**changes), target)


def test_a_classifier_s_score_is_the_log_odds(scorer: Scorer, tiny_dataset: Dataset) -> None:
    scores = patch_scores(scorer, tiny_dataset, score_meaning(scorer.card, ""))
    faulty = tiny_dataset.table["faulty"].to_numpy(bool)
    assert np.array_equal(np.isnan(scores), faulty)
    rows = np.flatnonzero(~faulty)[:4]
    p = scorer.predict_patches(scorer.read(tiny_dataset, rows))
    reference, target = (scorer.card.classes.index(n) for n in ("Unstimulated", "ConA"))
    assert scores[rows] == pytest.approx(np.log(p[:, target] / p[:, reference]), abs=1e-4)


@pytest.fixture(scope="module")
def model(store: Path, scorer: Scorer) -> str:
    with runs.start("classifier", "classifier", {}) as run:
        registry.log_model(run, scorer, "first", {}, "")
    return registry.model_uri(run)


@pytest.fixture(scope="module")
def screened(model: str, tiny_dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Any:
    out = tmp_path_factory.mktemp("screen") / "out"
    outcome = screen_command(
        model,
        tiny_dataset.path,
        out,
        target="",
        reference="",
        fdr=0.05,
        least_ssmd=2,
        overwrite=False,
        masks="instrument,otsu",
    )
    return outcome, out


@pytest.mark.slow
def test_a_screen_writes_tables_and_figures(screened: Any, split: Split) -> None:
    outcome, out = screened
    written = {path.name for path in out.iterdir()}
    assert {"hits.csv", "wells.csv", "controls.csv", "position.csv", "masks.csv"} <= written
    assert {"hits.png", "controls.png", "plate-CK19.png", "position-CK19-overlap.png",
            "known_inhibitors.png"} <= written  # fmt: skip
    wells = pd.read_csv(out / "wells.csv")
    assert len(wells) == 30
    assert wells["seen"].sum() == len(split.hashes("train")) + len(split.hashes("validation"))
    hits = pd.read_csv(out / "hits.csv")
    assert hits["score_p"].is_monotonic_increasing
    assert hits["score_holds"].equals(hits["score_hit"])
    assert any(line.startswith("hits that hold under the masks inst") for line in outcome.lines)
    assert json.loads(json.dumps(outcome.data))["target"] == "ConA"
    assert any(line.startswith("warning: the model was trained") for line in outcome.lines)


@pytest.mark.slow
def test_a_screen_is_a_tracked_run(screened: Any) -> None:
    outcome, out = screened
    run = mlflow.get_run(outcome.data["run"])
    assert run.data.tags["ck19ml.kind"] == "screen"
    assert run.info.status == "FINISHED"
    assert run.data.metrics["screen/wells"] == 30
    assert "screen/average_precision_score" in run.data.metrics
    client = mlflow.MlflowClient()
    kept = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"hits.csv", "wells.csv", "figures"} <= kept
    pictures = {item.path for item in client.list_artifacts(run.info.run_id, "figures")}
    assert pictures == {f"figures/{path.name}" for path in out.glob("*.png")}


@pytest.mark.slow
def test_nothing_is_overwritten(screened: Any, model: str, tiny_dataset: Dataset) -> None:
    _, out = screened
    with pytest.raises(PlateError, match="use --overwrite"):
        screen_command(
            model,
            tiny_dataset.path,
            out,
            target="",
            reference="",
            fdr=0.05,
            least_ssmd=2,
            overwrite=False,
        )


def test_cheap_checks_come_first(tiny_dataset: Dataset, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    cases: list[tuple[Path | None, float, str]] = [
        (None, 0.0, "false discovery rate"),
        (tmp_path / "file", 0.05, "is a file"),
        (tmp_path / "no" / "out", 0.05, "no is not a folder"),
    ]
    for out, fdr, words in cases:
        with pytest.raises((ConfigError, PlateError), match=words) as caught:
            screen_command(
                "no model",
                tiny_dataset.path,
                out,
                target="",
                reference="",
                fdr=fdr,
                least_ssmd=2,
                overwrite=False,
            )
        assert "\n" not in str(caught.value)
    for name, words in (("x.csv", "parquet"), ("no/x.parquet", "no is not a folder")):
        with pytest.raises((ConfigError, PlateError), match=words):
            features_command(
                "no model", tiny_dataset.path, tmp_path / name, patches=False, overwrite=False
            )


@pytest.mark.slow
def test_profiles_are_read_by_pycytominer(
    model: str, scorer: Scorer, tiny_dataset: Dataset, tmp_path: Path
) -> None:
    from pycytominer import feature_select, normalize
    from pycytominer.cyto_utils import infer_cp_features

    out = tmp_path / "profiles.parquet"
    outcome = features_command(model, tiny_dataset.path, out, patches=False, overwrite=False)
    profiles = pd.read_parquet(out)
    usable = tiny_dataset.table[~tiny_dataset.table["faulty"]]
    assert len(profiles) == usable[["plate", "well"]].drop_duplicates().shape[0]
    assert outcome.data["wells"] == len(profiles)
    features = infer_cp_features(profiles)
    assert len(features) == scorer.encoder.output_shape[-1] == 2304
    metadata = infer_cp_features(profiles, metadata=True)
    assert set(metadata) | set(features) == set(profiles.columns)
    assert {"Metadata_Plate", "Metadata_Well", "Metadata_Stimulation", "Metadata_Compound",
            "Metadata_Concentration_uM", "Metadata_Control"} <= set(metadata)  # fmt: skip
    # One well by hand: the mean of its usable patches.
    first = usable[usable["well"] == profiles.loc[0, "Metadata_Well"]].index.to_numpy()
    known = scorer.features(scorer.read(tiny_dataset, first)).reshape(len(first), -1).mean(axis=0)
    assert profiles.loc[0, features].to_numpy(float) == pytest.approx(known, abs=1e-5)
    assert profiles.loc[0, "Metadata_Patches"] == len(first)

    vehicle = "Metadata_Control == 'vehicle'"
    assert len(profiles.query(vehicle)) >= 3
    normal = normalize(profiles, samples=vehicle, method="standardize")
    controls = normal.query(vehicle)[features]
    assert np.abs(controls.mean()).max() < 1e-3
    selected = feature_select(
        normal, operation=["variance_threshold", "correlation_threshold", "drop_na_columns"]
    )
    kept = infer_cp_features(selected)
    assert 0 < len(kept) < len(features)
    assert len(selected) == len(profiles)
    assert selected["Metadata_Well"].tolist() == profiles["Metadata_Well"].tolist()


@pytest.mark.slow
def test_patch_profiles_have_one_row_a_usable_patch(
    model: str, scorer: Scorer, tiny_dataset: Dataset, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(scorer_module, "PORTION", 50)  # several row groups
    out = tmp_path / "patches.parquet"
    features_command(model, tiny_dataset.path, out, patches=True, overwrite=False)
    table = pd.read_parquet(out)
    usable = tiny_dataset.table[~tiny_dataset.table["faulty"]]
    assert len(table) == len(usable) > 50
    assert table["Metadata_Patch"].tolist() == usable["patch"].tolist()
    assert table["Metadata_Well"].tolist() == usable["well"].tolist()
    row = len(table) - 1
    known = scorer.features(scorer.read(tiny_dataset, usable.index.to_numpy()[[row]])).ravel()
    found = table.filter(like="Cells_Encoder_").to_numpy()[row]
    assert found == pytest.approx(known, abs=1e-5)
    with pytest.raises(PlateError, match="use --overwrite"):
        features_command(model, tiny_dataset.path, out, patches=True, overwrite=False)
    features_command(model, tiny_dataset.path, out, patches=False, overwrite=True)
    assert len(pd.read_parquet(out)) < len(table)
    assert [path.name for path in tmp_path.iterdir()] == ["patches.parquet"]
