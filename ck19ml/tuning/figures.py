"""Optuna's own figures of a study, in a readable size."""

import warnings
from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from optuna.exceptions import ExperimentalWarning
from optuna.trial import TrialState
from optuna.visualization import matplotlib as drawn

from ck19ml.plots import style
from ck19ml.tuning.study import Study

ENOUGH = 3
"""Number of complete trials below which importances say nothing."""


def study_figures(study: Study, label: str) -> dict[str, Figure]:
    """Draw history, importance of the parameters, and parallel coordinates.

    A figure that a study has too few complete trials for is left out.

    Parameters
    ----------
    label : str
        What the value is, in few words.

    Returns
    -------
    dict of Figure
        ``optuna_history``, ``param_importances``, ``parallel_coordinate``.
    """
    complete = study.inner.get_trials(states=[TrialState.COMPLETE])
    values = [trial.value for trial in complete]
    figures = {}
    if values:
        figures["optuna_history"] = _draw(
            lambda: drawn.plot_optimization_history(study.inner, target_name=label), 8, 4.2
        )
    # Importance is a share of the values' variance: there is none where all are equal.
    if len(values) >= ENOUGH and len(set(values)) > 1:
        figures["param_importances"] = _draw(
            lambda: drawn.plot_param_importances(study.inner, target_name=label), 8, 4.5
        )
        # A line goes through parameters that all trials have.
        shared = sorted(set.intersection(*(set(trial.params) for trial in complete)))
        figures["parallel_coordinate"] = _draw(
            lambda: drawn.plot_parallel_coordinate(study.inner, shared, target_name=label), 13, 4.5
        )
    return figures


def _draw(plot: Callable[[], Any], width: float, height: float) -> Figure:
    with plt.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # Optuna draws an axis for a parameter that has one value only.
        warnings.filterwarnings("ignore", "Attempting to set identical", UserWarning)
        warnings.filterwarnings("ignore", "Some regimes for parameter", UserWarning)
        plt.rcParams.update({"axes.axisbelow": True})
        axes = plot()
        figure = axes.figure
        # The constrained layout cannot do axes that stand on each other (Optuna's twins).
        figure.set_layout_engine("tight")
        figure.set_size_inches(width, height)
        if axes.get_legend() is not None:
            axes.legend(loc="best")
        for each in figure.axes:
            _enlarge(each)
        plt.close(figure)  # pyplot keeps what it made; the figure itself lives on
    return figure  # type: ignore[no-any-return]


def _enlarge(axes: Any) -> None:
    for text in (axes.title, axes.xaxis.label, axes.yaxis.label):
        text.set_fontsize(style.RC["axes.labelsize"])
        text.set_color(style.BLACK)
    axes.tick_params(labelsize=style.RC["xtick.labelsize"], labelcolor=style.BLACK)
    for each in axes.get_xticklabels():
        if each.get_rotation() not in (0.0, 360.0):
            each.set(ha="left", rotation_mode="anchor")
