"""Choose the figures of a run from its evaluation."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix

from ck19ml import plots
from ck19ml.core.scores.classification import rule_name
from ck19ml.core.scores.interaction import interaction_curve
from ck19ml.files.writing import make_folder, replacing
from ck19ml.networks.card import stimulations
from ck19ml.networks.evaluation import Evaluation
from ck19ml.networks.scorer import Scorer
from ck19ml.networks.training import Fit
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking.runs import Run

Figures = dict[str, Figure]
EXAMPLES = 6
"""Patches in a figure of images: more are too small on half a page."""


def classifier_figures(evaluation: Evaluation, classes: list[str]) -> Figures:
    """Confusion, scores beside baselines, well probabilities and overlap histograms."""
    patches, wells = evaluation.patches, evaluation.wells
    names = stimulations(classes)
    own = [w[f"probability_{w['stimulation']}"] for w in wells.to_dict(orient="records")]
    by_patch = confusion_matrix(patches["label"], patches["predicted"], labels=classes)
    by_well = confusion_matrix(wells["stimulation"], wells["predicted"], labels=names)
    figures = {
        "scores": plots.scores_with_baselines(
            _accuracies(evaluation), label="accuracy on unseen wells (%)", percent=True
        ),
        **({"overlap_histograms": _histograms(patches)} if "overlap" in patches else {}),
        "well_probabilities": plots.well_probabilities(
            wells.assign(probability=own, correct=wells["predicted"] == wells["stimulation"]),
            chance=1 / len(names),
        ),
        "reliability_patches": _reliability(patches, patches["label"], classes),
        "reliability_wells": _reliability(wells, wells["stimulation"], names),
    }
    if names == classes:
        return figures | {"confusion": plots.confusions(by_patch, by_well, classes)}
    return figures | {
        "confusion": plots.confusion(by_patch, classes, title="Patches"),
        "confusion_wells": plots.confusion(by_well, names, title="Wells"),
    }


def regressor_figures(evaluation: Evaluation) -> Figures:
    """Overlap histograms, predicted against true, errors, and sums over wells."""
    patches, wells = evaluation.patches, evaluation.wells
    triple = (patches["overlap"], patches["predicted_overlap"], patches["stimulation"])
    return {
        "overlap_histograms": _histograms(patches),
        "predicted_against_true": plots.predicted_against_true(*triple),
        "error_distribution": plots.error_distribution(*triple),
        "interaction_curve": plots.interaction_curve(
            pd.DataFrame(curve_of(evaluation)),
            evaluation.numbers["interaction_threshold"],
        ),
        "field_sums": plots.field_sums(
            wells["overlap"] * wells["patches"],
            wells["predicted_overlap"] * wells["patches"],
            wells["stimulation"],
        ),
    }


def curve_of(evaluation: Evaluation) -> dict[str, NDArray[np.float64]]:
    """Score the call "interaction" of a regressor over all thresholds."""
    patches = evaluation.patches
    return interaction_curve(
        patches["overlap"].to_numpy(np.float64), patches["predicted_overlap"].to_numpy(np.float64)
    )


def reconstruction_figure(scorer: Scorer, dataset: Dataset, rows: NDArray[np.integer]) -> Figures:
    """Draw a few of the patches in these rows, (n,): as they are, reconstructed, the difference."""
    chosen = rows[np.linspace(0, len(rows) - 1, min(EXAMPLES, len(rows))).astype(int)]
    patches = scorer.read(dataset, chosen)
    table = dataset.table.iloc[chosen]
    made = scorer.network.predict_on_batch(patches.batch(slice(None)))
    titles = [f"{row.well}\n{row.stimulation}" for row in table.itertuples()]
    figure = plots.reconstructions(
        patches.batch(slice(None)),
        np.clip(np.asarray(made), 0, 1),
        titles,
        pixel_size_um=dataset.info["pixel_size_um"],
        panel=dataset.panel,
    )
    return {"reconstructions": figure}


def learning_figure(result: Fit) -> Figures:
    """Draw the training's curves; one epoch has none."""
    if len(result.history) < 2:
        return {}
    return {"learning_curves": plots.learning_curves(result.history)}


def publish(figures: Figures, run: Run | None, folder: Path | None) -> list[str]:
    """Log the figures under ``figures/`` of the run, and write them into a folder.

    Returns
    -------
    list of str
        Paths of the files written into the folder.

    Raises
    ------
    PlateError
        If the folder cannot be written.
    """
    written = []
    for name, figure in figures.items():
        if run is not None:
            run.figure(name, figure)
        if folder is not None:
            make_folder(folder)
            for kind in plots.formats():
                path = folder / f"{name}.{kind}"
                with replacing(path) as made:
                    made.write_bytes(plots.to_bytes(figure, kind))
                written.append(str(path))
    return written


def _histograms(patches: pd.DataFrame) -> Figure:
    return plots.overlap_histograms(
        patches["overlap"], patches["predicted_overlap"], patches["stimulation"]
    )


def _reliability(table: pd.DataFrame, true: pd.Series, classes: list[str]) -> Figure:
    sure = table[[f"probability_{name}" for name in classes]].max(axis=1)
    return plots.reliability(sure, table["predicted"] == true)


def _accuracies(evaluation: Evaluation) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    named = {
        "": "classifier",
        "attention_": "attention over patches",
        "baseline_majority_": "majority class",
        "baseline_overlap_": "thresholds on overlap",
        "baseline_logistic_": "logistic regression on\noverlap, areas, counts",
    }
    for prefix, name in named.items():
        for level, key in (("patch", "accuracy"), ("well", "well_accuracy")):
            score = evaluation.scores.get(f"{prefix}{key}")
            if score is None:
                continue
            rows.append(
                {
                    "name": rule_name(name, evaluation.scores),
                    "level": level,
                    "value": score.value,
                    "low": score.low,
                    "high": score.high,
                    "kind": "baseline" if prefix.startswith("baseline") else "model",
                }
            )
    return pd.DataFrame(rows)
