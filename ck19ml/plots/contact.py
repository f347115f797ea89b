"""Figures of overlap measures against true contacts."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ck19ml.plots.style import BLUE, GREEN, ORANGE, PURPLE, SMALL, styled

DENSITIES = (BLUE, ORANGE, GREEN, PURPLE)
MARKERS = "osD^"
ALL = "all"


@styled
def contact_measures(
    wells: pd.DataFrame, scores: pd.DataFrame, measures: Mapping[str, str]
) -> Figure:
    """Draw each measure of overlap against the true share of bound T cells.

    Rows are mask methods, columns measures; where wells of different density lie on one curve, the
    measure tells contact from chance.

    Parameters
    ----------
    wells : DataFrame, one row a well and mask method
        masks, density, contact, and the measures.
    scores : DataFrame
        See `core.contact.separation`.
    measures : mapping of str to str
        Column to its label; those that end with ``_z`` are no fractions.
    """
    methods = list(dict.fromkeys(wells["masks"]))
    densities = list(dict.fromkeys(wells["density"]))
    figure = Figure(figsize=(3.0 * len(measures), 2.7 * len(methods) + 0.7), layout="constrained")
    axes = figure.subplots(len(methods), len(measures), squeeze=False, sharex=True)
    lookup = scores.set_index(["masks", "density", "measure"])
    for row, name in enumerate(methods):
        own = wells[wells["masks"] == name]
        for column, (measure, label) in enumerate(measures.items()):
            panel = axes[row, column]
            for density, colour, marker in zip(densities, DENSITIES, MARKERS, strict=False):
                part = own[own["density"] == density]
                panel.plot(
                    part["contact"], part[measure], marker, color=colour, markersize=4,
                    alpha=0.75, markeredgewidth=0, label=f"{density} density",
                )  # fmt: skip
            panel.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
            if not measure.endswith("_z"):
                panel.yaxis.set_major_formatter(PercentFormatter(1, decimals=None))
            all_wells = lookup.loc[(name, ALL, measure)]
            panel.text(
                0.03, 0.97,
                f"rank corr. {all_wells['spearman']:.2f}\nZ' {all_wells['z_prime']:.2f}",
                transform=panel.transAxes, va="top", fontsize=SMALL,
            )  # fmt: skip
            low, high = panel.get_ylim()
            panel.set_ylim(low, high + 0.28 * (high - low))
            if row == 0:
                panel.set_title(label, fontsize=SMALL + 1.5)
            if column == 0:
                panel.set_ylabel(f"masks: {name}")
    figure.supxlabel("T cells bound to a DC (truth, %)", fontsize=SMALL + 2)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper right", ncols=len(labels))
    return figure
