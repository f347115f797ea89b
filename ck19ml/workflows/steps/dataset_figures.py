"""Figures that show at a glance whether a dataset was prepared well."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml.core.measurements.panel import Panel
from ck19ml.core.patches import rescale
from ck19ml.core.quality import measures
from ck19ml.core.wells import plate_format
from ck19ml.files.csv_text import read_csv
from ck19ml.files.names import safe_name
from ck19ml.plates.dataset.store import Dataset

RANKS = (0.1, 0.5, 0.75, 0.9, 0.97, 1.0)
"""Of the gallery's patches by overlap. Most overlap little: equal steps would show none that do."""

INSTRUMENT = "instrument.csv"
BOTH = "overlap_area_px"
WELL = ["plate", "well"]

OF_CELLS = {
    "focus": "focus of {} (variance of the Laplacian / mean)",
    "saturated": "saturated pixels of {} (%)",
    "background": "background of {} (grey value)",
    "noise": "noise of {} (robust SD, grey values)",
    "darkness": "darkest pixels of {} (SDs below the ground)",
    "cells": "{}s counted",
    "cell_area_um2": "mean area of a {} (µm²)",
    "covered": "field covered by {}s (%)",
}
OF_CHANNEL = OF_CELLS | {
    "cells": "cells counted in {}",
    "cell_area_um2": "mean area of a cell in {} (µm²)",
    "covered": "field covered by cells in {} (%)",
}
"""The same of channels that are not called by their cells."""


def quality_labels(panel: Panel) -> dict[str, str]:
    """Return the label of each of `core.quality.measures`."""
    labels = {
        "faulty_share": "faulty patches (%)",
        "cell_overlap_um2": "area in which T cells lie on DCs (µm²)",
    }
    for channel in panel.names:
        texts = OF_CHANNEL if panel.label(channel) == channel else OF_CELLS
        for name, text in texts.items():
            labels[f"{name}_{channel}"] = text.format(panel.label(channel))
    return labels


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
        shares = 100 * _rank(dataset.table)[rows]
        if not dataset.panel.pair:
            shares /= dataset.parameters["patch_size"] ** 2
        titles = [
            f"{well} {name}\n{share:.1f} %"
            for well, name, share in zip(chosen["well"], chosen["stimulation"], shares, strict=True)
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
        pixel_size_um=dataset.info["pixel_size_um"], panel=dataset.panel,
    )  # fmt: skip


def _doubtful(table: pd.DataFrame, flagged: pd.DataFrame) -> tuple[NDArray[np.intp], list[str]]:
    """Choose of each flagged field the patch with the largest masks, and say what is doubtful."""
    covered = _covered(table)
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


def _covered(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return the area of all masks of each patch in pixels, (n,)."""
    names = [name for name in table if str(name).endswith("_area_px") and name != BOTH]
    return np.asarray(table[names].sum(axis=1), np.float64)


def _rank(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return what patches are chosen by, (n,): the overlap, or the area that cells cover."""
    return np.asarray(table["overlap"], np.float64) if "overlap" in table else _covered(table)


def _examples(table: pd.DataFrame) -> NDArray[np.intp]:
    """Choose usable patches of these ranks of `_rank`, (at most 6,), least first."""
    usable = np.flatnonzero(~table["faulty"].to_numpy(bool))
    order = usable[np.argsort(_rank(table)[usable], kind="stable")]
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
        wells = fields.groupby("well")[measures(dataset.panel)].mean()
        names, labels = list(wells.index), quality_labels(dataset.panel)
        shown = [
            Measure(wells[name], labels[name], name.startswith(SHARES))
            for name in measures(dataset.panel)
        ]
        yield (
            f"quality-{safe_name(plate)}",
            plate_heatmaps(names, shown, plate_format=plate_format(names), columns=3),
        )
