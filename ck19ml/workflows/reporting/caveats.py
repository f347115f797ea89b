"""Caveats of a run's scores, from the run's own figures."""

import json
from pathlib import Path
from typing import Any

from ck19ml.tracking.run_records import Record
from ck19ml.workflows.reporting.scores import number


def caveats(record: Record, info: dict[str, Any] | None) -> list[str]:
    """List what limits the run's scores.

    Parameters
    ----------
    record : Record
    info : dict or None
        The content of ``dataset.json``, see `dataset_info`.
    """
    found = _state(record)
    found += _confounding(record, info)
    found += _prevalence(record.metrics)
    found += _calibration(record.metrics)
    found += _seen(record.metrics)
    return found


def dataset_info(record: Record) -> dict[str, Any] | None:
    """Read ``dataset.json`` of the run's dataset; None where it is gone or has been changed."""
    for given in record.inputs:
        try:
            info = json.loads((Path(given.source) / "dataset.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(info, dict) and info.get("content_hash") == given.content_hash:
            return info
    return None


def _state(record: Record) -> list[str]:
    if record.state == "FINISHED":
        return []
    return [f"The run is {record.state}: its figures may be incomplete."]


def _confounding(record: Record, info: dict[str, Any] | None) -> list[str]:
    if not record.inputs:
        return []
    if info is None:
        return [
            "Confounding is unknown: the dataset is no longer where the run found it "
            f"({record.inputs[0].source}), or has changed since."
        ]
    notes = [f"Confounding: {sentence}." for sentence in info.get("confounding", [])]
    notes += [f"Copies: {sentence}." for sentence in info.get("copies", [])]
    if info.get("confounding"):
        notes.append(
            "A model can then be right from a well's position alone; confirm its claims on a plate "
            "with another layout."
        )
    return notes


def _prevalence(metrics: dict[str, float]) -> list[str]:
    share = metrics.get("test/interaction_prevalence")
    if share is None:
        return []
    text = (
        f"At the threshold of interaction {100 * share:.2f} % of the patches interact: "
        f"“never” is right in {100 * (1 - share):.2f} %. Read the average precision, not the "
        "accuracy"
    )
    precision = metrics.get("test/interaction_average_precision")
    if precision is None:
        return [f"{text} (no patch interacts, so there is none)."]
    return [f"{text}: it is {number(precision)}; a guess scores {number(share)}."]


def _calibration(metrics: dict[str, float]) -> list[str]:
    found = []
    for key, what in (("well_calibration_error", "wells"), ("calibration_error", "patches")):
        error = metrics.get(f"test/{key}")
        if error is not None:
            found.append(
                f"Calibration: the probabilities of {what} are off by {100 * error:.1f} percentage "
                "points on average; on another plate they may be off by more."
            )
    return found


def _seen(metrics: dict[str, float]) -> list[str]:
    seen, wells = metrics.get("screen/seen_wells", 0), metrics.get("screen/wells")
    if not seen or wells is None:
        return []
    return [
        f"The model was trained or tuned on {seen:.0f} of the {wells:.0f} wells that it scores "
        "here; their scores are biased towards their own label."
    ]
