"""Wells with the same pixels are one well, whatever their names."""

import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest

from ck19ml.config import PrepareConfig, SplitConfig
from ck19ml.plates.folder import find_plate
from ck19ml.plates.preparation.tables import SHOWN, copies
from ck19ml.tracking import registry, runs
from ck19ml.workflows.evaluate import evaluate_command
from ck19ml.workflows.predict import predict_command
from ck19ml.workflows.prepare import prepare
from ck19ml.workflows.steps.split import split_dataset
from tests.made_models import untrained_classifier
from tests.places import REFERENCE

CASES = REFERENCE.parent / "cases"


def tables(wells: int, same: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fields and labels of wells of which the first ones are copies of one another."""
    names = [f"A{column + 1:02d}" for column in range(wells)]
    marks = ["x"] * same + [f"own {index}" for index in range(wells - same)]
    fields = pd.DataFrame({"plate": "P", "well": names, "sha256": marks, "faulty_share": 0.5})
    return fields, fields[["plate", "well"]].assign(stimulation="OVA")


class TestSentences:
    def test_copies_are_named(self) -> None:
        assert copies(*tables(5, 3)) == ["P A02, P A03: same pixels as P A01, counted as one well"]
        assert copies(*tables(5, 0)) == []

    def test_different_labels_of_one_well_are_named(self) -> None:
        fields, labels = tables(3, 2)
        labels.loc[0, "stimulation"] = "ConA"
        assert copies(fields, labels)[0].endswith("their stimulations differ (ConA, OVA)")

    def test_faulty_wells_are_alike_without_being_copies(self) -> None:
        fields, labels = tables(4, 3)
        assert copies(fields.assign(faulty_share=[1.0, 1.0, 1.0, 0.0]), labels) == []

    def test_a_copied_plate_does_not_fill_the_screen(self) -> None:
        fields, labels = tables(24, 0)
        both = pd.concat([fields, fields.assign(plate="Q")], ignore_index=True)
        found = copies(both, pd.concat([labels, labels.assign(plate="Q")], ignore_index=True))
        assert len(found) == SHOWN + 1
        assert found[-1] == "14 more wells have copies"


@pytest.mark.slow
@pytest.mark.skipif(not CASES.is_dir(), reason=f"the cases are not at {CASES}")
def test_the_case_of_files_saved_twice(
    store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    subprocess.run([sys.executable, "-B", CASES / "same_pixels.py"], cwd=tmp_path, check=True)
    plate = find_plate(tmp_path / "plate")
    dataset = prepare(plate, tmp_path / "d.zarr", PrepareConfig())
    said = capsys.readouterr().err
    assert "PX B01, PX C01: same pixels as PX A01, counted as one well" in said
    assert "2 more wells have copies" in said
    for seed in range(5):
        split = split_dataset(dataset, SplitConfig(seed=seed))
        assert split.wells.groupby("sha256")["role"].nunique().max() == 1
        assert set(split.wells["role"]) == {"train", "validation", "test"}
    split = split_dataset(dataset, SplitConfig())
    with runs.start("classifier", "classifier", {}) as run:
        registry.log_model(run, untrained_classifier(split), "copies", {}, "")
    uri = registry.model_uri(run)

    found = evaluate_command(uri, dataset.path, None, overwrite=False)
    test = set(split.wells.loc[split.wells["role"] == "test", "well"])
    assert set(found.data["wells"]) == test
    assert f"left out {36 - len(test)} wells" in " ".join(found.lines)
    # Of three copies of each well one counts.
    wells = pd.read_csv(mlflow.artifacts.download_artifacts(
        run_id=found.data["run"], artifact_path="test_wells.csv", dst_path=str(tmp_path)
    ))  # fmt: skip
    assert wells["unit"].nunique() == len(test) / 3

    out = tmp_path / "scores.csv"
    said = " ".join(predict_command(uri, plate.folder, out, patches=None, overwrite=False).lines)
    scores = pd.read_csv(out)
    assert set(scores.loc[~scores["seen"], "well"]) == test
    assert f"trained or tuned on {36 - len(test)} of 36 wells" in said
    assert "24 of 36 wells" in said
    assert f"on {len(test) // 3} wells that the model has not seen" in said
    assert "sha256" not in scores
