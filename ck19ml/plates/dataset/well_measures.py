"""Measures of each well: overlap, contacts, counts, areas and intensities, by name."""

import numpy as np
import pandas as pd

from ck19ml.core.contacts import KINDS, SUMMARY, summary
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
"""Columns of `well_measures`, and what they mean."""


def well_measures(dataset: Dataset) -> pd.DataFrame:
    """Measure each well over all of its fields.

    Returns
    -------
    DataFrame, one row a well
        plate, well, stimulation, compound, concentration_um, control and `WELL_MEASURES`; NaN
        where there is nothing to measure.

    Raises
    ------
    PlateError
        If the dataset was prepared before it held cells.
    """
    patches = dataset.table.groupby(WELL, sort=True)
    fields = dataset.fields.groupby(WELL, sort=True)
    made = patches[LABELS].first()
    made["overlap"] = patches["overlap"].mean()
    areas = fields[["tcell_area_px", "dc_area_px", "overlap_area_px"]].sum()
    for name in KINDS:
        own = areas[f"{name}_area_px"].replace(0, np.nan)
        made[f"{name}_overlap"] = areas["overlap_area_px"] / own
    made["overlap_excess"] = fields["overlap_excess"].mean()
    for name in KINDS:
        cells = dataset.cells[dataset.cells["channel"] == name].groupby(WELL)["area_um2"]
        made[f"cells_{name}"] = fields[f"cells_{name}"].sum()
        made[f"cell_area_um2_{name}"] = cells.mean()
    contacts = [
        dict(zip(WELL, well, strict=True)) | summary(own)
        for well, own in dataset.cells.groupby(WELL)
    ]
    made = made.reset_index().merge(pd.DataFrame(contacts, columns=[*WELL, *SUMMARY]), "left", WELL)
    return made[[*WELL, *LABELS, *WELL_MEASURES]]
