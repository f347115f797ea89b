"""Leakage audit: what a split by patch would have claimed, beside the score on unseen wells."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from ck19ml import plots
from ck19ml.networks.evaluation import Evaluation
from ck19ml.workflows.steps.split import SAME_WELLS

SCORES = {
    "classifier": "accuracy",
    "regressor": "overlap_r2",
    "autoencoder": "bce",
}
"""Score of patches by which a kind of model is audited. Few patches of a well are held out, so
that answers to wells do not compare."""

ROWS = {
    "train": "patches trained on",
    SAME_WELLS: "other patches of the same wells",
    "test": "patches of unseen wells",
}
LABELS = {
    "accuracy": "accuracy (%)",
    "overlap_r2": "R² of the overlap",
    "bce": "binary cross-entropy",
}


def audit_table(kind: str, evaluations: Mapping[str, Evaluation]) -> pd.DataFrame:
    """Set the scores of one model on the three kinds of patches side by side.

    Parameters
    ----------
    kind : str
        A key of `SCORES`.
    evaluations : mapping
        Of the roles in `ROWS`.

    Returns
    -------
    DataFrame
        name, level, value, low, high, wells, patches.
    """
    rows = []
    for role, name in ROWS.items():
        found = evaluations[role]
        score = found.scores[SCORES[kind]]
        rows.append(
            {
                "name": name,
                "level": "patch",
                "value": score.value,
                "low": score.low,
                "high": score.high,
                "wells": len(found.wells),
                "patches": len(found.patches),
            }
        )
    return pd.DataFrame(rows)


def audit_figure(kind: str, table: pd.DataFrame) -> Figure:
    """Draw the audit: the same model, three kinds of patches."""
    key = SCORES[kind]
    return plots.scores_with_baselines(
        table.assign(kind="model"), label=LABELS[key], percent=key == "accuracy"
    )


def audit_line(kind: str, table: pd.DataFrame) -> str:
    """Say in one line what the split by patch would have claimed."""
    value = table.set_index("name")["value"]
    what = LABELS[SCORES[kind]].removesuffix(" (%)")
    return (
        f"Leakage audit, the same model: {what} {value[ROWS['train']]:.3f} on patches trained on, "
        f"{value[ROWS[SAME_WELLS]]:.3f} on other patches of the same wells (what a split by patch "
        f"claims), {value[ROWS['test']]:.3f} on unseen wells."
    )
