"""Measures of each well: overlap, contacts, counts, areas and intensities, by name."""

import numpy as np
import pandas as pd

from ck19ml.core.contacts import SUMMARY, summary
from ck19ml.core.measurements.panel import CELLS, PAIR, Panel
from ck19ml.core.wells import WELL
from ck19ml.plates.dataset.columns import CHANNELS, OVERLAP
from ck19ml.plates.dataset.store import Dataset

LABELS = ["stimulation", "compound", "concentration_um", "control"]

WELL_MEASURES = (
    {"overlap": "mean IoU of its patches"}
    | {name: OVERLAP[name] for name in ("tcell_overlap", "dc_overlap", "overlap_excess")}
    | {f"cells_{name}": f"number of {cells}" for name, cells in CHANNELS.items()}
    | {f"cell_area_um2_{name}": f"mean area of the {cells}" for name, cells in CHANNELS.items()}
    | SUMMARY
)
"""Columns of `well_measures` of DCs and T cells, and what they mean."""


def measured(panel: Panel = PAIR) -> list[str]:
    """Return the columns of `well_measures` that are measures."""
    if panel == PAIR:
        return list(WELL_MEASURES)
    both = [n for n in WELL_MEASURES if not n.endswith(tuple(CELLS))] if panel.pair else []
    starts = ("cells", "cell_area_um2", "intensity")
    return both + [f"{start}_{name}" for start in starts for name in panel.stained]


def well_measures(dataset: Dataset) -> pd.DataFrame:
    """Measure each well over all of its fields.

    Returns
    -------
    DataFrame, one row a well
        plate, well, stimulation, compound, concentration_um, control and `measured`; NaN
        where there is nothing to measure.

    Raises
    ------
    PlateError
        If the dataset was prepared before it held cells.
    """
    patches = dataset.table.groupby(WELL, sort=True)
    fields = dataset.fields.groupby(WELL, sort=True)
    made, panel = patches[LABELS].first(), dataset.panel
    if panel.pair:
        made["overlap"] = patches["overlap"].mean()
        areas = fields[["tcell_area_px", "dc_area_px", "overlap_area_px"]].sum()
        for name in CELLS:
            own = areas[f"{name}_area_px"].replace(0, np.nan)
            made[f"{name}_overlap"] = areas["overlap_area_px"] / own
        made["overlap_excess"] = fields["overlap_excess"].mean()
    for name in panel.stained:
        cells = dataset.cells[dataset.cells["channel"] == name].groupby(WELL)["area_um2"]
        made[f"cells_{name}"] = fields[f"cells_{name}"].sum()
        made[f"cell_area_um2_{name}"] = cells.mean()
    summaries = pd.DataFrame(
        [
            dict(zip(WELL, well, strict=True)) | summary(own, panel)
            for well, own in dataset.cells.groupby(WELL)
        ],
        columns=[*WELL, *(name for name in measured(panel) if name not in made)],
    )
    made = made.reset_index().merge(summaries, "left", WELL)
    return made[[*WELL, *LABELS, *measured(panel)]]
