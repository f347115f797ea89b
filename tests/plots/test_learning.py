import numpy as np
import pandas as pd
import pytest

from ck19ml.plots import learning, style
from tests.plots.legends import legend_texts

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train/loss": [1.0, 0.6, 0.4],
        "train/accuracy": [0.3, 0.5, 0.9],
        "validation/loss": [1.1, 0.8, 0.9],
        "validation/accuracy": [0.3, 0.4, np.nan],
        "learning_rate": [1e-3, 1e-3, 1e-4],
    }
)


def titles(figure):
    return [axes.get_title(loc="left") for axes in figure.axes if axes.axison]


def test_one_panel_a_metric_with_both_phases():
    figure = learning.learning_curves(HISTORY)
    assert titles(figure) == ["loss", "accuracy (%)"]
    train, validation, best = figure.axes[0].lines
    assert train.get_ydata().tolist() == [1.0, 0.6, 0.4]
    assert validation.get_ydata().tolist() == [1.1, 0.8, 0.9]
    assert best.get_xdata() == [2, 2]
    assert legend_texts(figure) == ["train", "validation", "best epoch: 2"]
    assert np.isnan(figure.axes[1].lines[1].get_ydata()[2])


def test_a_single_epoch_without_validation_is_drawn():
    figure = learning.learning_curves(HISTORY[["epoch", "train/loss"]].iloc[:1])
    line, best = figure.axes[0].lines
    assert line.get_xdata().tolist() == [1]
    assert line.get_marker() == "o"
    assert best.get_xdata() == [1, 1]
    assert legend_texts(figure) == ["train", "best epoch: 1"]
    style.to_bytes(figure)


def test_the_best_epoch_can_be_given_and_is_not_invented():
    assert legend_texts(learning.learning_curves(HISTORY, best_epoch=3))[-1] == "best epoch: 3"
    figure = learning.learning_curves(HISTORY[["epoch", "train/accuracy"]])
    assert legend_texts(figure) == ["train"]


def test_what_is_not_finite_is_a_gap_and_a_metric_without_values_says_so():
    history = HISTORY.assign(**{"train/loss": np.inf, "validation/loss": np.nan})
    figure = learning.learning_curves(history)
    assert [text.get_text() for text in figure.axes[0].texts] == ["no finite value"]
    assert legend_texts(figure) == ["train", "validation"]


def test_three_metrics_leave_no_empty_frame_and_abbreviations_stay_large():
    history = HISTORY.assign(**{"validation/overlap_mse": [0.1, 0.2, 0.3]})
    figure = learning.learning_curves(history)
    assert titles(figure) == ["loss", "accuracy (%)", "overlap MSE"]
    assert not figure.axes[3].axison


def test_a_history_without_metrics_or_epochs():
    empty = learning.learning_curves(HISTORY[["epoch", "learning_rate"]])
    assert "no metric" in empty.axes[0].texts[0].get_text()
    with pytest.raises(ValueError, match="expected a column epoch"):
        learning.learning_curves(HISTORY.drop(columns="epoch"))


STATES = ["COMPLETE", "PRUNED", "FAIL", "complete", "COMPLETE", "RUNNING"]
VALUES = [0.5, 0.1, np.nan, 0.4, 0.7, np.nan]


def lines_by_label(figure):
    return {line.get_label(): line for line in figure.axes[0].lines}


@pytest.mark.parametrize(
    ("direction", "best"),
    [("minimize", [0.5, 0.4, 0.4, 0.4]), ("maximize", [0.5, 0.5, 0.7, 0.7])],
)
def test_the_best_so_far_counts_complete_trials_only(direction, best):
    lines = lines_by_label(learning.study_history(VALUES, STATES, direction, label="accuracy"))
    line = lines[f"best so far: {best[-1]:g}"]
    assert list(line.get_xdata()) == [0, 3, 4, 5]
    assert list(line.get_ydata()) == best


def test_states_are_told_apart_and_counted():
    figure = learning.study_history(VALUES, STATES, "minimize", label="accuracy")
    lines = lines_by_label(figure)
    assert lines["complete (3)"].get_xdata().tolist() == [0, 3, 4]
    assert lines["pruned (1)"].get_ydata().tolist() == [0.1]
    assert lines["failed (1)"].get_xdata().tolist() == []
    at_the_edge = [line for line in figure.axes[0].lines if line.get_label().startswith("_")]
    assert [line.get_xdata().tolist() for line in at_the_edge] == [[2]]
    assert figure.axes[0].get_ylabel() == "accuracy"


def test_a_study_in_which_all_failed_is_drawn():
    figure = learning.study_history([np.nan, np.nan], ["FAIL", "FAIL"], "minimize")
    assert set(lines_by_label(figure)) >= {"failed (2)"}
    style.to_bytes(figure)


def test_a_study_without_trials_and_wrong_input():
    assert learning.study_history([], [], "minimize").axes[0].texts
    with pytest.raises(ValueError, match="found 'up'"):
        learning.study_history([1.0], ["COMPLETE"], "up")
    with pytest.raises(ValueError, match="one value a row"):
        learning.study_history([1.0, 2.0], ["COMPLETE"], "minimize")
