"""Meaning of each column of a dataset's tables, from which the site's reference is made."""

PLACE = {
    "plate": "name of the plate",
    "well": "well, as in A03",
    "field": "number of the field within the well",
}
LAYOUT = {
    "well": PLACE["well"],
    "stimulation": "what the cells were stimulated with",
    "compound": "compound added; empty for none",
    "concentration_um": "concentration of the compound in uM; empty for none",
    "control": "`vehicle`, `untreated` or empty",
}
"""Of ``layout.csv``, one row a well."""

OVERLAP = {
    "tcell_area_px": "area of the T-cell mask in pixels",
    "dc_area_px": "area of the DC mask in pixels",
    "overlap_area_px": "area of both masks together (their intersection) in pixels",
    "tcell_overlap": "share of the T-cell area that lies on DCs (Manders' M1)",
    "dc_overlap": "share of the DC area that lies under T cells (Manders' M2)",
    "overlap_expected": "M1 that chance alone would give: the share of the area that DCs cover",
    "overlap_excess": "`tcell_overlap` minus `overlap_expected`",
    "overlap_z": (
        "overlap minus the expected one, in standard deviations over all shifts (`--chance` only)"
    ),
}

PATCHES = PLACE | {
    "row": "row of the well, A to P",
    "column": "column of the well, from 1",
    "patch": "number of the patch within the field, from 0, row by row",
    "y": "upper edge of the patch in the field, in pixels",
    "x": "left edge of the patch in the field, in pixels",
    **LAYOUT,
    "faulty": "whether a channel shows nothing above the background: a droplet or an empty view",
    "overlap": "intersection over union (IoU) of the two masks",
    **OVERLAP,
}
"""Of ``patches.parquet``, one row a patch; the layout's columns are those of its well."""

CHANNELS = {"dc": "DCs", "tcell": "T cells"}
QUALITY = {
    "focus_{}": "sharpness of the {} channel: variance of the Laplacian over the mean",
    "saturated_{}": "share of the pixels of the {} channel at the camera's maximum",
    "background_{}": "grey value between the cells, {} channel",
    "cells_{}": "number of {}, touching ones separated and small ones left out",
    "cell_area_um2_{}": "mean area of the {} in square micrometres; missing for none",
}

FIELDS = (
    PLACE
    | {
        "sha256": "SHA-256 of the field's patches",
        "masks_sha256": "SHA-256 of the field's masks",
        "faulty_share": "share of faulty patches",
        "empty": "whether a channel of the field shows nothing at all",
        "flagged": "what is doubtful about the field, beyond the thresholds of `--quality`",
    }
    | {
        name.format(channel): text.format(cells)
        for name, text in QUALITY.items()
        for channel, cells in CHANNELS.items()
    }
    | OVERLAP
)
"""Of ``fields.parquet``, one row a field; the overlap is that of its patches together."""

INSTRUMENT = {
    "plate": PLACE["plate"],
    "well": PLACE["well"],
    "stimulation": LAYOUT["stimulation"],
    "tcell_area_mean_um2": "mean area of a T cell in square micrometres",
    "tcell_count": "number of T cells in the part of the fields that is cut into patches",
    "dc_area_mean_um2": "mean area of a DC in square micrometres",
    "dc_count": "number of DCs in the same part",
    "overlap_percent": "share of the T-cell area that lies on DCs, in percent",
    "overlap_area_sum_um2": "area of the overlap in square micrometres",
    "overlap_over_tcell_area": "`overlap_percent` as a fraction",
}
"""Of ``instrument.csv``, one row a well: what the instrument's own software would print."""
