"""The metrics that a run lists, chosen from all its scores."""

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.workflows.reporting.scores import MOST_METRICS, from_rows, key_figures, score_rows

NAMES = ("well_accuracy", "accuracy", "log_loss", "overlap_mse", "interaction_average_precision")


def with_bounds(names: tuple[str, ...], role: str) -> dict[str, float]:
    return {f"{role}/{name}{end}": 0.5 for name in names for end in ("", "_low", "_high")}


def test_a_classifier_is_listed_by_its_accuracies() -> None:
    every = with_bounds(NAMES, "train") | with_bounds(NAMES, "test")
    assert set(key_figures(every)) == {
        "train/well_accuracy", "train/accuracy", "test/well_accuracy", "test/well_accuracy_low",
        "test/well_accuracy_high", "test/accuracy", "test/log_loss", "test/overlap_mse",
    }  # fmt: skip


def test_a_regressor_is_listed_by_its_error() -> None:
    every = with_bounds(("overlap_mse", "overlap_r2"), "validation")
    every |= with_bounds(("overlap_mse", "overlap_r2", "field_overlap_rmse"), "test")
    assert set(key_figures(every)) == {
        "validation/overlap_mse", "test/overlap_mse", "test/overlap_mse_low",
        "test/overlap_mse_high", "test/overlap_r2",
    }  # fmt: skip


@given(st.integers(0, 60))
def test_a_screen_of_many_stimulations_stays_within_the_limit(count: int) -> None:
    ends = ("_score", "_score_low", "_overlap")
    every = {f"screen/z_prime_S{n}{end}": 0.1 for n in range(count) for end in ends}
    every |= {"screen/wells": 30.0} | with_bounds(("average_precision_score",), "screen")
    kept = key_figures(every)
    assert {"screen/wells", "screen/average_precision_score_high"} <= set(kept)
    assert len(kept) == min(MOST_METRICS, 4 + count)


@given(st.dictionaries(st.sampled_from(NAMES), st.floats(-5, 5), max_size=5), st.booleans())
def test_the_table_of_scores_gives_all_of_them_back(values: dict[str, float], ends: bool) -> None:
    metrics = {f"test/{name}": value for name, value in values.items()}
    if ends:
        metrics |= {f"{name}{end}": 1.5 for name in metrics for end in ("_low", "_high")}
    table = score_rows(metrics)
    assert list(table.columns) == ["name", "value", "low", "high"]
    assert len(table) == len(values)
    assert from_rows(table) == metrics


def test_a_missing_bound_is_no_metric() -> None:
    table = pd.DataFrame({"name": ["test/a"], "value": [1.0], "low": [np.nan], "high": [np.inf]})
    assert from_rows(table) == {"test/a": 1.0}
