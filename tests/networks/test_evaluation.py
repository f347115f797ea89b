from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from ck19ml.core.scores.baselines import Baselines, OverlapRule
from ck19ml.core.scores.intervals import share
from ck19ml.errors import PlateError
from ck19ml.networks import architectures, training
from ck19ml.networks.card import class_labels
from ck19ml.networks.evaluation import (
    Evaluation,
    evaluate,
    evaluate_classifier,
    evaluate_reconstruction,
    evaluate_regressor,
)
from ck19ml.networks.scorer import Card, Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import OF_MASKS, true_overlap

CLASSES = ["Unstimulated", "ConA"]
BASELINES = Baselines(
    majority=1,
    mean_overlap=0.1,
    class_overlap=[0.0, 0.2],
    patch_rule=OverlapRule(cuts=[0.05], classes=[0, 1]),
    well_rule=OverlapRule(cuts=[0.04], classes=[0, 1]),
)
STIMULATION = {"A01": "Unstimulated", "A02": "ConA", "A03": "ConA"}
OVERLAP = {"A01": [0.0, 0.0, 0.1, 0.0], "A02": [0.2, 0.3, 0.0, 0.1], "A03": [0.0, 0.0, 0.04, 0.0]}
CONA = {"A01": [0.1, 0.2, 0.6, 0.3], "A02": [0.9, 0.8, 0.4, 0.7], "A03": [0.6, 0.6, 0.6, 0.1]}
"""Probability of ConA; the calls are right in 3 of 4 patches of each well."""


def card(kind: str = "classifier", **changes: Any) -> Card:
    known = Card(
        kind=kind,
        classes=CLASSES,
        patch_size=192,
        background=255,
        bit_depth=12,
        mask="otsu",
        masked=False,
        interaction_threshold=0.2,
        wells={},
        dataset={"name": "tiny", "content_hash": "0123"},
        seed=7,
        software="ck19ml 0",
        baselines=BASELINES,
    )
    return known.changed(**changes)


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {"plate": "P", "well": well, "field": 1, "patch": patch, "stimulation": stimulation,
         "compound": "", "concentration_um": np.nan, "control": "", "faulty": False,
         "overlap": OVERLAP[well][patch]}
        for well, stimulation in STIMULATION.items()
        for patch in range(4)
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def probabilities() -> NDArray[np.float64]:
    cona = np.concatenate([CONA[well] for well in STIMULATION])
    return np.stack([1 - cona, cona], axis=1)


def values(evaluation: Evaluation) -> dict[str, float]:
    return {name: score.value for name, score in evaluation.scores.items()}


def test_accuracies_and_baselines_by_hand(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    scores = values(evaluate_classifier(probabilities, table, card()))
    assert scores["accuracy"] == pytest.approx(9 / 12)
    # The patches of A03 call ConA by 3 to 1, but the one that does not is the surest.
    assert scores["well_accuracy"] == pytest.approx(2 / 3)
    assert scores["baseline_majority_accuracy"] == pytest.approx(8 / 12)
    assert scores["baseline_majority_well_accuracy"] == pytest.approx(2 / 3)
    # Overlap above 0.05: right in 3, 3 and 0 of 4 patches; wells: 0.025, 0.15 and 0.01.
    assert scores["baseline_overlap_accuracy"] == pytest.approx(6 / 12)
    assert scores["baseline_overlap_well_accuracy"] == pytest.approx(2 / 3)


def test_losses_and_overlap_by_hand(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    evaluation = evaluate_classifier(probabilities, table, card())
    scores = values(evaluation)
    cona = probabilities[:, 1]
    given = np.where(table["stimulation"] == "ConA", cona, 1 - cona)
    assert scores["log_loss"] == pytest.approx(-np.log(given).mean())
    # The classes' mean overlaps are 0 and 0.2, so the overlap is predicted as 0.2 p(ConA).
    true = table["overlap"].to_numpy()
    assert scores["overlap_mse"] == pytest.approx(np.mean((true - 0.2 * cona) ** 2))
    assert scores["baseline_mean_overlap_mse"] == pytest.approx(np.mean((true - 0.1) ** 2))
    # Two of twelve reach 0.2; none is predicted to; the two highest predictions are theirs.
    assert evaluation.numbers["interaction_prevalence"] == pytest.approx(2 / 12)
    assert evaluation.numbers["interaction_accuracy"] == pytest.approx(10 / 12)
    assert evaluation.numbers["interaction_average_precision"] == pytest.approx(1.0)


def test_the_predictions_stand_beside_the_scores(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    evaluation = evaluate_classifier(probabilities, table, card())
    patches, wells = evaluation.patches, evaluation.wells
    assert patches[["well", "patch"]].equals(table[["well", "patch"]])
    np.testing.assert_array_equal(patches["probability_ConA"], probabilities[:, 1])
    assert (patches["label"] == patches["stimulation"]).all()
    assert float((patches["predicted"] == patches["label"]).mean()) == pytest.approx(9 / 12)
    assert wells["well"].tolist() == ["A01", "A02", "A03"]
    assert wells["predicted"].tolist() == ["Unstimulated", "ConA", "Unstimulated"]
    assert wells["patches"].tolist() == [4, 4, 4]
    np.testing.assert_allclose(wells["overlap"], [0.025, 0.15, 0.01])
    np.testing.assert_allclose(wells["probability_Unstimulated"] + wells["probability_ConA"], 1)
    np.testing.assert_allclose(wells["predicted_overlap"], [0.06, 0.14, 0.095])


def test_every_score_lies_within_its_interval_which_comes_from_wells(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    scores = evaluate_classifier(probabilities, table, card()).scores
    for name, score in scores.items():
        if name != "calibration_error":  # whose interval may lie above it
            assert score.low <= score.value <= score.high, name
    # Each well has the same patch accuracy, so resampling wells moves nothing.
    assert (scores["accuracy"].low, scores["accuracy"].high) == (0.75, 0.75)
    wilson = share(2, 3)
    assert (scores["well_accuracy"].low, scores["well_accuracy"].high) == (wilson.low, wilson.high)


def test_the_order_of_the_wells_does_not_matter(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    order = np.random.default_rng(0).permutation(len(table))
    mixed = evaluate_classifier(probabilities[order], table.iloc[order], card())
    straight = evaluate_classifier(probabilities, table, card())
    assert values(mixed) == pytest.approx(values(straight))
    pd.testing.assert_frame_equal(mixed.wells, straight.wells)


def test_wells_of_the_same_name_on_two_plates_are_two(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    both = pd.concat([table, table.assign(plate="Q")], ignore_index=True)
    evaluation = evaluate_classifier(np.tile(probabilities, (2, 1)), both, card())
    assert len(evaluation.wells) == 6
    assert evaluation.scores["accuracy"].value == pytest.approx(9 / 12)


def test_faulty_patches_are_left_out_where_faulty_is_no_class(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    table.loc[[2, 6, 11], "faulty"] = True  # the wrong call of each well
    evaluation = evaluate_classifier(probabilities, table, card())
    assert evaluation.scores["accuracy"].value == 1.0
    assert evaluation.scores["well_accuracy"].value == 1.0
    assert len(evaluation.patches) == 9
    kept = ~table["faulty"].to_numpy()
    alone = evaluate_classifier(probabilities[kept], table[kept], card())
    assert values(evaluation) == pytest.approx(values(alone))


def test_faulty_is_a_fourth_class_of_patches_but_not_of_wells(table: pd.DataFrame) -> None:
    classes = [*CLASSES, "Faulty"]
    table.loc[[0, 4], "faulty"] = True
    known = card(classes=classes, baselines=BASELINES.changed(class_overlap=[0.0, 0.2, 0.1]))
    labels = class_labels(table, classes)
    assert labels.tolist() == [2, 0, 0, 0, 2, 1, 1, 1, 1, 1, 1, 1]
    sure = np.full((12, 3), 0.05)
    sure[np.arange(12), labels] = 0.9
    sure[4] = [0.05, 0.9, 0.05]  # one faulty patch is called ConA
    evaluation = evaluate_classifier(sure, table, known)
    assert len(evaluation.patches) == 12
    assert evaluation.scores["accuracy"].value == pytest.approx(11 / 12)
    assert evaluation.patches["label"].tolist()[:2] == ["Faulty", "Unstimulated"]
    assert evaluation.patches["predicted"].tolist()[4] == "ConA"
    # Wells are called by their usable patches and are never Faulty.
    assert evaluation.wells["patches"].tolist() == [3, 3, 4]
    assert evaluation.wells["predicted"].tolist() == ["Unstimulated", "ConA", "ConA"]
    assert "probability_Faulty" not in evaluation.wells
    assert evaluation.scores["well_accuracy"].value == 1.0


def test_a_stimulation_that_the_model_does_not_know_is_refused(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    table.loc[table["well"] == "A03", "stimulation"] = "OVA"
    with pytest.raises(PlateError, match="knows the stimulations Unstimulated, ConA and not OVA"):
        evaluate_classifier(probabilities, table, card())


def test_a_regressor_stands_beside_predict_the_mean(table: pd.DataFrame) -> None:
    true = table["overlap"].to_numpy()
    evaluation = evaluate_regressor(true + 0.01, table, card("regressor"))
    scores = values(evaluation)
    assert scores["overlap_mse"] == pytest.approx(1e-4)
    assert scores["overlap_rmse"] == pytest.approx(0.01)
    assert scores["well_overlap_rmse"] == pytest.approx(0.01)
    assert scores["overlap_r2"] == pytest.approx(1 - 1e-4 / true.var())
    assert scores["baseline_mean_overlap_mse"] == pytest.approx(np.mean((true - 0.1) ** 2))
    np.testing.assert_allclose(evaluation.wells["predicted_overlap"], [0.035, 0.16, 0.02])


def test_a_regressor_is_scored_by_field_and_stimulation_and_says_interaction(
    table: pd.DataFrame,
) -> None:
    true = table["overlap"].to_numpy()
    evaluation = evaluate_regressor(true / 2, table, card("regressor", interaction_call=0.1))
    scores = values(evaluation)
    assert scores["overlap_rmse_ConA"] == pytest.approx(np.sqrt(np.mean(true[4:] ** 2) / 4))
    assert scores["field_overlap_rmse"] == pytest.approx(
        np.sqrt(np.mean(true.reshape(3, 4).mean(axis=1) ** 2) / 4)
    )
    assert scores["baseline_mean_field_overlap_rmse"] > 0
    assert evaluation.numbers["interaction_recall"] == 1.0
    assert evaluation.numbers["interaction_call"] == 0.1
    assert "baseline_masks_overlap_r2" not in scores
    assert OF_MASKS not in evaluation.patches


def test_a_regressor_and_its_masks_stand_against_the_truth(table: pd.DataFrame) -> None:
    true = table["overlap"].to_numpy()
    known = table.assign(**{OF_MASKS: true, "overlap": 2 * true + 0.1})
    evaluation = evaluate_regressor(2 * true + 0.1, known, card("regressor"))
    scores, lost = values(evaluation), np.mean((true + 0.1) ** 2)
    assert scores["overlap_r2"] == pytest.approx(1)
    assert scores["baseline_masks_overlap_mse"] == pytest.approx(lost)
    assert scores["masks_overlap_r2"] == pytest.approx(1 - lost / true.var())
    assert evaluation.verdict is not None
    assert evaluation.verdict.difference.value == pytest.approx(lost)
    worse = evaluate_regressor(true, known, card("regressor")).verdict
    assert worse is not None
    assert worse.difference.value == pytest.approx(0)


def test_two_numbers_may_repair_the_masks_and_are_a_rival_too(table: pd.DataFrame) -> None:
    true = table["overlap"].to_numpy()
    known = table.assign(**{OF_MASKS: true, "overlap": 2 * true + 0.1})
    rules = BASELINES.changed(line=(2.0, 0.1))
    evaluation = evaluate_regressor(2 * true, known, card("regressor", baselines=rules))
    assert values(evaluation)["baseline_line_overlap_mse"] == pytest.approx(0)
    assert evaluation.verdict is not None
    assert evaluation.verdict.difference.value == pytest.approx(-0.01)


def test_a_reconstruction_is_averaged_over_patches_and_wells(table: pd.DataFrame) -> None:
    losses = np.repeat([0.1, 0.2, 0.6], 4)
    evaluation = evaluate_reconstruction(losses, table, card("autoencoder"))
    bce = evaluation.scores["bce"]
    assert bce.value == pytest.approx(0.3)
    # Student's interval of three wells: 4.303 SDs of 0.265 / sqrt(3); nothing is below 0.
    assert bce.low == 0.0
    assert bce.high == pytest.approx(0.3 + 4.303 * 0.2646 / np.sqrt(3), rel=0.05)
    np.testing.assert_allclose(evaluation.wells["bce"], [0.1, 0.2, 0.6])


def test_metrics_are_named_bounded_and_finite(
    probabilities: NDArray[np.float64], table: pd.DataFrame
) -> None:
    table["overlap"] = 0.01  # nothing interacts: no average precision; no spread: no R2
    metrics = evaluate_classifier(probabilities, table, card()).metrics("test")
    assert all(name.startswith("test/") for name in metrics)
    assert {"test/accuracy", "test/accuracy_low", "test/accuracy_high"} <= set(metrics)
    assert np.isfinite(list(metrics.values())).all()
    assert "test/interaction_average_precision" not in metrics
    assert "test/overlap_r2" not in metrics


def test_evaluate_runs_the_network_on_the_rows_asked_for(tiny_dataset: Dataset) -> None:
    training.seed_everything(1)
    rows = np.flatnonzero(~tiny_dataset.table["faulty"].to_numpy(bool))[[3, 10, 40, 77]]
    table = tiny_dataset.table.iloc[rows]
    encoder = architectures.build_encoder("compact", 192)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=3, units=4, depth=1, dropout=0.0,
        normalise=False, pooled=False,
    )  # fmt: skip
    classes = ["Unstimulated", "OVA", "ConA"]
    three = BASELINES.changed(class_overlap=[0.0, 0.1, 0.2])
    scorer = Scorer(architectures.join(encoder, head), card(classes=classes, baselines=three))
    evaluation = evaluate(scorer, tiny_dataset, rows)
    made = scorer.predict_patches(scorer.read(tiny_dataset, rows))
    names = [f"probability_{name}" for name in classes]
    np.testing.assert_allclose(evaluation.patches[names], made, rtol=1e-6)
    assert evaluation.patches["well"].tolist() == table["well"].tolist()

    network = architectures.join(encoder, architectures.build_regressor_head((12, 12, 16)))
    regressor = Scorer(network, card("regressor"))
    evaluation = evaluate(regressor, tiny_dataset, rows)
    made = regressor.predict_patches(regressor.read(tiny_dataset, rows))
    np.testing.assert_allclose(evaluation.patches["predicted_overlap"], made[:, 0], rtol=1e-6)
    of_tcells = Scorer(network, card("regressor", target="tcell_overlap"))
    found = evaluate(of_tcells, tiny_dataset, rows).patches
    np.testing.assert_array_equal(found[OF_MASKS], table["tcell_overlap"])
    np.testing.assert_array_equal(
        found["overlap"], true_overlap(tiny_dataset, "tcell_overlap")[rows]
    )

    autoencoder = Scorer(architectures.build_autoencoder("compact", 192), card("autoencoder"))
    evaluation = evaluate(autoencoder, tiny_dataset, rows)
    losses = training.reconstruction_losses(
        autoencoder.network, autoencoder.read(tiny_dataset, rows)
    )
    np.testing.assert_allclose(evaluation.patches["bce"], losses)
