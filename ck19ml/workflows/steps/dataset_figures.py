"""Figures that show at a glance whether a dataset was prepared well."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml.core.patches import rescale
from ck19ml.core.quality import MEASURES
from ck19ml.core.wells import plate_format
from ck19ml.files.csv_text import read_csv
from ck19ml.files.names import safe_name
from ck19ml.plates.dataset.store import Dataset

RANKS = (0.1, 0.5, 0.75, 0.9, 0.97, 1.0)
"""Of the gallery's patches by overlap. Most overlap little: equal steps would show none that do."""

INSTRUMENT = "instrument.csv"
WELL = ["plate", "well"]

CELLS = {"dc": "DC", "tcell": "T cell"}
QUALITY_LABELS = {
    "faulty_share": "faulty patches (%)",
    "cell_overlap_um2": "area in which T cells lie on DCs (µm²)",
} | {
    f"{name}_{channel}": text.format(cell)
    for channel, cell in CELLS.items()
    for name, text in {
        "focus": "focus of {} (variance of the Laplacian / mean)",
        "saturated": "saturated pixels of {} (%)",
        "background": "background of {} (grey value)",
        "noise": "noise of {} (robust SD, grey values)",
        "darkness": "darkest pixels of {} (SDs below the ground)",
        "cells": "{}s counted",
        "cell_area_um2": "mean area of a {} (µm²)",
        "covered": "field covered by {}s (%)",
    }.items()
}
"""Label of each of `core.quality.MEASURES`."""

SHARES = ("saturated", "faulty", "covered")
"""Beginnings of those that are fractions."""


def overview_figures(dataset: Dataset) -> Iterator[tuple[str, Figure]]:
    """Draw some patches with their masks, and the overlap beside the instrument's measure.

    Yields
    ------
    name : str
        ``mask_gallery``; ``wells_to_look_at`` where fields are flagged; ``against_instrument``
        where the dataset has such a table.
    figure : Figure
    """
    from ck19ml.plots.instrument import against_instrument

    rows = _examples(dataset.table)
    if rows.size:
        chosen = dataset.table.iloc[rows]
        titles = [
            f"{row.well} {row.stimulation}\n{100 * row.overlap:.1f} %"
            for row in chosen.itertuples()
        ]
        yield "mask_gallery", _gallery(dataset, rows, titles)
    flagged = dataset.fields[dataset.fields["flagged"] != ""].head(len(RANKS))
    if len(flagged):
        rows, titles = _doubtful(dataset.table, flagged)
        yield "wells_to_look_at", _gallery(dataset, rows, titles)
    path = dataset.path / INSTRUMENT
    if path.is_file():
        sums = dataset.table.groupby(WELL, as_index=False)["overlap"].sum()
        wells = read_csv(path, [*WELL, "stimulation"]).merge(sums, on=WELL)
        yield (
            "against_instrument",
            against_instrument(wells["overlap"], wells["overlap_percent"], wells["stimulation"]),
        )


def _gallery(dataset: Dataset, rows: NDArray[np.intp], titles: list[str]) -> Figure:
    from ck19ml import plots

    return plots.mask_gallery(
        rescale(dataset.read(rows)), dataset.read_masks(rows), titles,
        pixel_size_um=dataset.info["pixel_size_um"],
    )  # fmt: skip


def _doubtful(table: pd.DataFrame, flagged: pd.DataFrame) -> tuple[NDArray[np.intp], list[str]]:
    """Choose of each flagged field the patch with the largest masks, and say what is doubtful."""
    covered = (table["dc_area_px"] + table["tcell_area_px"]).to_numpy(np.float64)
    rows, titles = [], []
    for field in flagged.itertuples():
        own = np.flatnonzero(
            (table["plate"] == field.plate)
            & (table["well"] == field.well)
            & (table["field"] == field.field)
        )
        rows.append(own[covered[own].argmax()])
        titles.append("\n".join([str(field.well), *field.flagged.split("; ")[:3]]))
    return np.array(rows, np.intp), titles


def _examples(table: pd.DataFrame) -> NDArray[np.intp]:
    """Choose usable patches of these ranks of overlap, (at most 6,), least first."""
    usable = np.flatnonzero(~table["faulty"].to_numpy(bool))
    order = usable[np.argsort(table["overlap"].to_numpy()[usable], kind="stable")]
    places = (np.array(RANKS) * max(order.size - 1, 0)).astype(int)
    return order[np.unique(places)] if order.size else order


def quality_figures(dataset: Dataset) -> Iterator[tuple[str, Figure]]:
    """Draw the numbers of the fields' quality on their plates, the mean of a well's fields.

    Yields
    ------
    name : str
        ``quality-PLATE``.
    figure : Figure
    """
    from ck19ml.plots import Measure, plate_heatmaps

    for plate, fields in dataset.fields.groupby("plate"):
        wells = fields.groupby("well")[list(MEASURES)].mean()
        names = list(wells.index)
        measures = [
            Measure(
                wells[name],
                QUALITY_LABELS[name],
                name.startswith(SHARES),
            )
            for name in MEASURES
        ]
        yield (
            f"quality-{safe_name(plate)}",
            plate_heatmaps(names, measures, plate_format=plate_format(names), columns=3),
        )
