"""Choose the figures of a screen."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ck19ml import plots
from ck19ml.core.screening.position import at_edge
from ck19ml.core.wells import plate_format
from ck19ml.files.names import safe_name
from ck19ml.workflows.screening.analysis import Screen
from ck19ml.workflows.screening.tables import (
    UNTREATED,
    VEHICLE,
    measures_in,
    places,
    tested_wells,
    with_residuals,
)
from ck19ml.workflows.screening.truth import NAMES, rows_to_judge, strength

OVERLAP_LABELS = {"overlap": "overlap (IoU, %)", "tcell_overlap": "T-cell area on DCs (%)"}


def screen_figures(screen: Screen) -> dict[str, Figure]:
    """Draw the controls, the ranked compounds, the plates, dose curves, positions and the truth."""
    labels = {"score": screen.meaning.label, **OVERLAP_LABELS}
    percent = [*OVERLAP_LABELS, *(["score"] if screen.meaning.percent else [])]
    figures = {
        "controls": plots.control_strips(screen.wells, labels, _quality(screen.controls), percent),
        "hits": plots.ranked_hits(
            screen.hits, fdr=screen.fdr, known=screen.hits.get("known_inhibitor")
        ),
    }
    for plate, wells in screen.wells.groupby("plate", sort=True):
        name = safe_name(plate)
        tests = screen.position[screen.position["plate"] == plate]
        figures[f"plate-{name}"] = _on_plate(wells, labels, percent)
        for measure in ("score", "overlap"):
            taken = with_residuals(tested_wells(wells, screen.hits, measure))
            row, column = places(taken["well"])
            edge = at_edge(row, column, plate_format(wells["well"]))
            figures[f"position-{name}-{measure}"] = plots.position_effects(
                taken.assign(row=row, column=column, edge=edge),
                f"{measure}_residual", labels[measure], tests[tests["measure"] == measure],
                percent=measure in percent,
            )  # fmt: skip
    for measure in ("score", "overlap") if len(screen.doses) else ():
        for plate, fits in screen.doses.groupby("plate", sort=True):
            own = screen.wells[screen.wells["plate"] == plate]
            several = f"-{plate}" if screen.doses["plate"].unique().size > 1 else ""
            figures[f"dose_curves{several}-{measure}"] = plots.dose_curves(
                own, fits[fits["measure"] == measure], measure, labels[measure],
                percent=measure in percent,
            )  # fmt: skip
    return figures | _truth_figures(screen)


def _quality(controls: pd.DataFrame) -> dict[str, str]:
    if controls.empty:
        return {}
    named = controls.groupby("measure")[["stimulation", "z_prime"]]
    return {
        str(measure): "Z' "
        + ", ".join(f"{r.stimulation} {r.z_prime:.2f}" for r in rows.itertuples())
        for measure, rows in named
    }


def _on_plate(wells: pd.DataFrame, labels: dict[str, str], percent: list[str]) -> Figure:
    names = list(wells["well"])
    measures = []
    for name in ("score", "overlap"):
        label, share = labels[name].replace("\n", " "), name in percent
        less = f"{label} minus its stimulation's median"
        measures += [
            plots.Measure(wells[name], label, share),
            plots.Measure(wells[f"{name}_residual"], less, share, diverging=True),
        ]
    return plots.plate_heatmaps(
        names,
        [*measures, plots.Measure(wells["faulty_share"], "faulty patches (%)", percent=True)],
        plate_format=plate_format(names),
        control=[kind if kind in (VEHICLE, UNTREATED) else "" for kind in wells["kind"]],
    )


def _truth_figures(screen: Screen) -> dict[str, Figure]:
    scores = {name: score for judged in screen.judged for name, score in judged.scores.items()}
    figures = {}
    if "average_precision_score" in scores:
        table = rows_to_judge(screen.hits, screen.meaning.reference)
        figures["known_inhibitors"] = plots.precision_recall(
            table["known_inhibitor"],
            {measure: strength(table, measure) for measure in measures_in(table)},
            {
                m: f"{NAMES[m]}: average precision {scores[f'average_precision_{m}']}"
                for m in measures_in(table)
            },
        )
    if screen.truth is not None and len(screen.doses):
        stimulated = screen.doses["stimulation"] != screen.meaning.reference
        titles = {}
        for measure in dict.fromkeys(screen.doses["measure"]):
            error = scores.get(f"ic50_log10_error_{measure}")
            said = f"\n|log10 error| {error}" if error else "\nno supported fit"
            titles[measure] = NAMES[measure] + (
                said if error is None or np.isfinite(error.value) else ""
            )
        figures["known_ic50"] = plots.ic50_agreement(screen.doses[stimulated], titles)
    return figures
