"""The metrics of a run as tables: each score with its interval, its baselines below it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ck19ml.core.scores.classification import rule_name

BASELINE = "baseline_"
ROLES = {
    "test": "Scores on unseen wells",
    "screen": "Scores of the screen",
    "validation": "Scores on validation wells",
}
"""Prefixes of the metrics that are scores, the most important first."""

OTHERS = {
    "attention_": "attention over patches",
    "baseline_majority_": "baseline: majority class",
    "baseline_overlap_": "baseline: thresholds on the overlap",
    "baseline_logistic_": "baseline: logistic regression on overlap, areas, counts",
    "baseline_mean_": "baseline: predict the mean",
    "baseline_masks_": "baseline: the masks' own measure",
    "baseline_line_": "baseline: a line through the masks' own measure",
}
"""Prefixes of the scores that are not the model's own."""

KEY = {
    "train": ("accuracy", "well_accuracy", "overlap_mse", "bce"),
    "validation": ("accuracy", "well_accuracy", "overlap_mse", "bce"),
    "test": (
        "well_accuracy", "well_accuracy_gain", "bce", "accuracy", "log_loss", "overlap_mse",
        "overlap_mse_gain", "overlap_r2", "field_overlap_r2", "masks_overlap_r2",
        "interaction_average_precision",
    ),
    "screen": ("average_precision_score", "average_precision_gain", "hits_score", "hits_clean",
               "hits_overlap", "wells", "seen_wells"),
}  # fmt: skip
"""Scores that MLflow lists as metrics, by role; all are in ``scores.csv`` and in the report."""

COMPARED = ("well_accuracy", "well_accuracy_gain", "bce", "overlap_mse", "overlap_mse_gain",
            "average_precision_score")  # fmt: skip
"""Those of test wells and screens that are listed with their bounds."""

ASIDE = {"overlap_mse": ("train", "validation"), "interaction_average_precision": ("test",)}
"""Scores of a classifier without bounds, and the roles for which they are not listed at all."""

COLUMNS = {"value": "", "low": "_low", "high": "_high"}
"""Columns of ``scores.csv`` beside the name, and how metrics' names end."""

MOST_METRICS = 20
"""Metrics of a run in the UI, where each is a chart."""

MODEL = "_score"
PLAIN = {
    "_overlap": "baseline: by plain overlap",
    "_tcell_overlap": "baseline: by T-cell overlap",
}
"""Endings of a screen's metrics: the measure that the wells were judged by."""

NAMES = {
    "well_accuracy_gain": "well accuracy above the best baseline",
    "well_accuracy_gain_p": "the same, McNemar p",
    "overlap_mse_gain": "overlap MSE below the masks' own, or predicting the mean",
    "accuracy": "patch accuracy",
    "log_loss": "patch log loss (nats)",
    "well_log_loss": "well log loss (nats)",
    "calibration_error": "calibration error of patches",
    "well_calibration_error": "calibration error of wells",
    "overlap_mse": "overlap MSE",
    "overlap_rmse": "overlap RMSE (fraction)",
    "overlap_r2": "overlap R²",
    "masks_overlap_r2": "overlap R² against the masks' own measure",
    "well_overlap_rmse": "overlap RMSE of wells (fraction)",
    "bce": "binary cross-entropy (nats)",
    "interaction_accuracy": "interaction, accuracy of patches",
    "interaction_prevalence": "interaction, prevalence among patches",
    "interaction_average_precision": "interaction, average precision",
}


@dataclass(frozen=True)
class Row:
    """A score: its name, its value, and its interval, or "" if it has none."""

    name: str
    value: str
    interval: str
    baseline: bool


@dataclass(frozen=True)
class Table:
    """Scores on one kind of wells."""

    title: str
    rows: list[Row]


def key_figures(metrics: Mapping[str, float]) -> dict[str, float]:
    """Choose the metrics by which runs are compared, under their own names.

    Of a screen Z' of its score is kept for each stimulation, as far as there is room.

    Examples
    --------
    >>> key_figures({"test/bce": 0.1, "test/bce_low": 0.05, "test/f1": 0.9, "train/loss_sd": 2.0})
    {'test/bce': 0.1, 'test/bce_low': 0.05}
    """
    kept: dict[str, float] = {}
    for role, names in KEY.items():
        # A classifier predicts the overlap too, but is not compared by it.
        aside = ASIDE if f"{role}/well_accuracy" in metrics else {}
        for name in names:
            if role in aside.get(name, ()):
                continue
            bounds = name in COMPARED and role in ("test", "screen") and name not in aside
            keys = [f"{role}/{name}{end}" for end in (("", "_low", "_high") if bounds else ("",))]
            kept |= {key: metrics[key] for key in keys if key in metrics}
    rest = [name for name in metrics if name.startswith("screen/z_prime") and name.endswith(MODEL)]
    return kept | {name: metrics[name] for name in rest[: max(0, MOST_METRICS - len(kept))]}


def score_rows(metrics: Mapping[str, float]) -> pd.DataFrame:
    """Return all scores as a table: name, value, low and high, NaN without an interval."""
    rows = [
        {"name": name} | {key: metrics.get(f"{name}{end}", np.nan) for key, end in COLUMNS.items()}
        for name in metrics
        if not _is_bound(name, metrics)
    ]
    return pd.DataFrame(rows, columns=["name", *COLUMNS])


def from_rows(table: pd.DataFrame) -> dict[str, float]:
    """Return the metrics that `score_rows` made a table of."""
    return {
        f"{row['name']}{end}": float(row[key])
        for row in table.to_dict(orient="records")
        for key, end in COLUMNS.items()
        if np.isfinite(row[key])
    }


def score_tables(metrics: Mapping[str, float]) -> list[Table]:
    """Arrange a run's metrics; roles without a score have no table."""
    tables = []
    for role, title in ROLES.items():
        own = {
            name.removeprefix(f"{role}/"): value
            for name, value in metrics.items()
            if name.startswith(f"{role}/")
        }
        if own:
            tables.append(Table(title, _screen_rows(own) if role == "screen" else _rows(own)))
    return tables


def _rows(values: Mapping[str, float]) -> list[Row]:
    """Order the scores: those with an interval first, each followed by its baselines."""
    names = [name for name in values if not _is_bound(name, values)]
    own = sorted(
        (name for name in names if not _other(name)),
        key=lambda name: (f"{name}_low" not in values, _rank(name), name),
    )
    rows: list[Row] = []
    for name in own:
        rows.append(_row(name, _named(name), values, baseline=False))
        rows += [
            _row(f"{start}{name}", rule_name(label, values), values, baseline=True)
            for start, label in OTHERS.items()
            if f"{start}{name}" in values
        ]
    shown = {f"{start}{name}" for name in own for start in OTHERS} | set(own)
    rest = sorted(set(names) - shown)
    return rows + [_row(name, _named(name), values, baseline=True) for name in rest]


def _screen_rows(values: Mapping[str, float]) -> list[Row]:
    """Order a screen's figures: each by the model, followed by the same without a model."""
    names = [name for name in values if not _is_bound(name, values)]
    rows: list[Row] = []
    shown: set[str] = set()
    for name in sorted(name for name in names if name.endswith(MODEL)):
        stem = name.removesuffix(MODEL)
        rows.append(_row(name, f"{_screen_name(stem)} by the model", values, baseline=False))
        plain = [(f"{stem}{end}", label) for end, label in PLAIN.items()]
        rows += [_row(key, label, values, baseline=True) for key, label in plain if key in values]
        shown |= {name} | {key for key, _ in plain}
    rest = [name for name in names if name not in shown]
    return rows + [_row(name, _screen_name(name), values, baseline=False) for name in rest]


def _screen_name(name: str) -> str:
    return name.replace("z_prime", "Z'").replace("ssmd", "SSMD").replace("_", " ")


def _is_bound(name: str, values: Mapping[str, float]) -> bool:
    return any(name.endswith(end) and name.removesuffix(end) in values for end in ("_low", "_high"))


def _other(name: str) -> bool:
    return name.startswith(tuple(OTHERS)) or name.startswith(BASELINE)


def _rank(name: str) -> int:
    order = ("well_accuracy", "well_accuracy_gain", "accuracy", "overlap_mse", "overlap_r2", "bce")
    return order.index(name) if name in order else len(order)


def _named(name: str) -> str:
    return NAMES.get(name, name.replace("_", " "))


def _row(name: str, label: str, values: Mapping[str, float], *, baseline: bool) -> Row:
    low, high = values.get(f"{name}_low"), values.get(f"{name}_high")
    interval = "" if low is None or high is None else f"{number(low)} to {number(high)}"
    return Row(label, number(values[name]), interval, baseline)


def number(value: float) -> str:
    """Format a number with three significant digits, whole numbers in full.

    Examples
    --------
    >>> number(0.76667), number(30.0), number(0.0010732)
    ('0.767', '30', '0.00107')
    """
    return f"{value:.0f}" if value == int(value) and abs(value) < 1e9 else f"{value:.3g}"
