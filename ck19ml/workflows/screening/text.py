"""Findings of a screen, in lines for people."""

from typing import Any

import numpy as np
import pandas as pd

from ck19ml.core.screening.replicates import replicate_line
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.screening.analysis import Screen
from ck19ml.workflows.screening.hits import replicate_agreement
from ck19ml.workflows.screening.tables import measures_in
from ck19ml.workflows.screening.truth import NAMES
from ck19ml.workflows.steps.predict import seen_line

NOTICEABLE = 0.05
"""False discovery rate below which an effect of position is named."""


def screen_lines(screen: Screen) -> list[str]:
    """Report what a screen found, one line each."""
    lines = [*_seen_lines(screen), *_control_lines(screen), *_hit_lines(screen)]
    lines += [*_dose_lines(screen), *_position_lines(screen)]
    return lines + [line for judgement in screen.judged for line in judgement.lines]


def _seen_lines(screen: Screen) -> list[str]:
    label = screen.meaning.label.replace("\n", " ")
    seen = screen.wells["seen"].to_numpy(bool)
    of = "" if screen.meaning.of_wells else "mean of its usable patches' "
    return [f"score of a well: {of}{label}", seen_line(seen)]


def _control_lines(screen: Screen) -> list[str]:
    lines = []
    keys = ["plate", "stimulation", "reference", "controls", "wells", "reference_wells"]
    for values, group in screen.controls.groupby(keys, sort=False) if len(screen.controls) else ():
        plate, stimulation, reference, kind, first, second = values
        each = [
            f"{NAMES[row['measure']]} {_interval(row, 'z_prime')} (SSMD {row['ssmd']:.1f})"
            for row in group.to_dict(orient="records")
        ]
        lines.append(
            f"{plate}: Z' of {stimulation} against {reference} ({first} and {second} {kind} "
            "wells): " + ", ".join(each)
        )
    return lines or [f"no Z': too few wells of {screen.meaning.reference} or of anything else"]


def _interval(row: dict[Any, Any], name: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    bounds = f" [{low:.2f}, {high:.2f}]" if np.isfinite([low, high]).all() else ""
    return f"{row[name]:.2f}{bounds}"


def _hit_lines(screen: Screen) -> list[str]:
    hits = screen.hits
    if hits.empty:
        return ["no compounds in the layout: controls and positions only"]
    lines = []
    alone = hits[hits["against"] != "controls"]
    for (plate, stimulation), _ in alone.groupby(["plate", "stimulation"]):
        lines.append(
            f"{plate}, {stimulation}: fewer than 3 vehicle wells; compounds are compared with the "
            "median of all wells with a compound, which holds where most do nothing"
        )
    counts = [f"{int(hits[f'{m}_hit'].sum())} by {NAMES[m]}" for m in measures_in(screen.wells)]
    doses = hits["concentration_um"].nunique()
    what = "compounds and concentrations" if doses > 1 else "compounds"
    lines.append(
        f"hits at a {_nominal(hits)}false discovery rate of {100 * screen.fdr:.3g} % and an SSMD "
        f"of at least {screen.least_ssmd:g} among {len(hits)} tests "
        f"({what} within each stimulation): {', '.join(counts)}"
    )
    called = hits[hits["score_hit"]]
    for toxic, what in ((False, "by the model"), (True, "by the model, but cells are lost")):
        chosen = called[called["toxic"] == toxic]
        named = [f"{row.compound} ({row.stimulation})" for row in chosen.itertuples()]
        if named:
            lines.append(f"{what}: {', '.join(list(dict.fromkeys(named))[:12])}")
    return lines + _vehicle_lines(screen)


def _nominal(hits: pd.DataFrame) -> str:
    return "nominal " if hits["nominal"].any() else ""


def _vehicle_lines(screen: Screen) -> list[str]:
    lines = []
    if screen.hits["nominal"].any():
        lines.append(
            f"nominal: too few wells of {screen.meaning.reference} with compounds and vehicle show "
            "how much positions change the score, so more of the hits may be false"
        )
    for plate, (ratio, p) in screen.vehicle.items():
        if np.isfinite(p):
            lines.append(
                f"{plate}: vehicle wells vary {ratio:.1f} times as much as replicates (variance of "
                f"the score, F test p {p:.2g})"
            )
    agreement = replicate_agreement(screen.wells, "score")
    if agreement:
        each = ", ".join(
            f"{name} {correlation:.2f} and {share:.0%}"
            for name, (correlation, share) in agreement.items()
        )
        lines.append(
            "replicates, correlation of the score and share of compounds whose wells agree better "
            f"than 95 % of other pairs: {each}"
        )
    lines += replicate_line(screen.replicates)
    total = int(screen.hits["score_hit"].sum())
    if screen.without and total + sum(screen.without.values()):
        each = ", ".join(f"{count} without row {name}" for name, count in screen.without.items())
        lines.append(f"hits depend on the vehicle wells: {total} with all, {each}")
    return lines


def _dose_lines(screen: Screen) -> list[str]:
    if screen.doses.empty:
        return []
    own = screen.doses[screen.doses["measure"] == "score"]
    lines = [f"dose curves: the score supports {int(own['supported'].sum())} of {len(own)}"]
    for row in own[own["supported"]].itertuples():
        lines.append(
            f"{row.compound} ({row.stimulation}): {row.direction} {row.ic50_um:.2g} uM "
            f"[{row.low_um:.2g}, {row.high_um:.2g}]"
        )
    return lines


def _position_lines(screen: Screen) -> list[str]:
    table = screen.position
    found = table[table["q"] <= NOTICEABLE]
    tested = int(table["p"].notna().sum())
    if found.empty:
        return [f"position: no effect of row, column or edge in {tested} tests (q > {NOTICEABLE})"]
    each = [
        f"{row.factor} explains {row.share:.0%} of {NAMES[str(row.measure)]} (chance "
        f"{row.expected:.0%}, q {row.q:.2g})"
        for row in found.itertuples()
    ]
    return ["position, within each stimulation: " + "; ".join(each)]


def confounding_lines(dataset: Dataset) -> list[str]:
    """Repeat what the layout confounds, and what follows for positions."""
    notes = [f"note: {sentence}" for sentence in dataset.info.get("confounding", [])]
    if notes:
        notes.append(
            "note: position is therefore tested within each stimulation; what differs between "
            "stimulations may be the columns' doing"
        )
    return notes
