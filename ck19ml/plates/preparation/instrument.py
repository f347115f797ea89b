"""Measurements that the instrument would report for each well, from a dataset's masks."""

import numpy as np
import pandas as pd

WELL = ["plate", "well"]


def instrument_table(fields: pd.DataFrame, labels: pd.DataFrame, mask: str) -> pd.DataFrame:
    """Write cells, areas and overlap of each well in the columns of the instrument's export.

    The instrument's % overlap is the overlap's area over (mean T-cell area x T-cell count): the
    share of the T-cell area that lies on DCs, Manders' M1 (DOMAIN.md, what the real CK19 numbers
    say). Cells are counted, as there, after touching ones are separated and small ones sieved out.
    All numbers are of the whole field with the mask method ``instrument``, also of its margin that
    is cut into no patch; with other methods of the patches, 88 % of 2048 x 2048 pixels.

    Parameters
    ----------
    fields : DataFrame, one row a field
        plate, well, cell_overlap_um2, and cells_CHANNEL and cell_area_um2_CHANNEL of both.
    labels : DataFrame, one row a well
        plate, well, stimulation.
    mask : str
        The method that made the masks: what is not the instrument's own is marked.

    Returns
    -------
    DataFrame, one row a well
        plate, well, stimulation, tcell_area_mean_um2, tcell_count, dc_area_mean_um2, dc_count,
        overlap_percent, overlap_area_sum_um2, overlap_over_tcell_area (the same as a fraction);
        over all fields of a well; missing where there is no cell. Last mask, the method.
    """
    sums = pd.DataFrame({name: fields[name] for name in WELL})
    for channel in ("tcell", "dc"):
        count = fields[f"cells_{channel}"]
        sums[f"{channel}_count"] = count
        sums[f"{channel}_area"] = (count * fields[f"cell_area_um2_{channel}"]).fillna(0.0)
    sums["overlap"] = fields["cell_overlap_um2"]
    wells = sums.groupby(WELL, as_index=False, sort=True).sum()
    share = wells["overlap"] / wells["tcell_area"].replace(0, np.nan)
    made = {"plate": wells["plate"], "well": wells["well"]}
    for channel in ("tcell", "dc"):
        count = wells[f"{channel}_count"]
        made[f"{channel}_area_mean_um2"] = wells[f"{channel}_area"] / count.replace(0, np.nan)
        made[f"{channel}_count"] = count.astype(np.int64)
    made["overlap_percent"] = 100 * share
    made["overlap_area_sum_um2"] = wells["overlap"]
    made["overlap_over_tcell_area"] = share
    table = pd.DataFrame(made).merge(labels[[*WELL, "stimulation"]], on=WELL, validate="1:1")
    table.insert(2, "stimulation", table.pop("stimulation"))
    return table.round(6).assign(mask=mask)
