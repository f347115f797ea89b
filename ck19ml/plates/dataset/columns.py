"""Meaning of each column of a dataset's tables, from which the site's reference is made."""

from ck19ml.core import contacts

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
    **contacts.SHARED,
}
"""Of ``patches.parquet``, one row a patch; the layout's columns are those of its well."""

CHANNELS = {"dc": "DCs", "tcell": "T cells"}
QUALITY = {
    "focus_{}": "sharpness of the {} channel: variance of the Laplacian over the mean",
    "saturated_{}": "share of the pixels of the {} channel at the camera's maximum",
    "background_{}": "grey value between the cells, {} channel",
    "noise_{}": "robust standard deviation of the grey values, {} channel",
    "darkness_{}": "how far the darkest pixels of the {} channel lie below its ground, in noise",
    "cells_{}": "number of {}, touching ones separated and small ones left out",
    "cell_area_um2_{}": "mean area of the {} in square micrometres; missing for none",
    "covered_{}": "share of the field that the mask of the {} covers",
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
    | {"cell_overlap_um2": "area in which cells of both kinds overlap, in square micrometres"}
    | contacts.SUMMARY
    | OVERLAP
)
"""Of ``fields.parquet``, one row a field; the overlap is that of its patches together."""

MEASUREMENTS = {
    "pixels": "pixels of the patch",
    "CHANNEL_area_px": "area of the mask",
    "CHANNEL_area_share": "share of the patch that the mask covers",
    "CHANNEL_objects": "connected pieces of the mask",
    "CHANNEL_object_area_mean_px": "their mean area",
    "CHANNEL_largest_area_px": "area of the largest piece",
    "CHANNEL_largest_major_axis_px": "its major axis",
    "CHANNEL_largest_minor_axis_px": "its minor axis",
    "CHANNEL_largest_eccentricity": "its eccentricity",
    "CHANNEL_largest_extent": "its share of its bounding box",
    "CHANNEL_largest_solidity": "its area over that of its convex hull",
    "CHANNEL_largest_perimeter_px": "length of its outline",
    "CHANNEL_largest_form_factor": "4 pi area over the square of the perimeter: 1 for a disc",
    "CHANNEL_REGION_intensity_STATISTIC": (
        "grey values: mean, sd, skewness, min, quantiles q1 to q99, max and sum"
    ),
    "CHANNEL_REGION_granularity_RADIUS": "light in structures of this radius in pixels, in percent",
    "CHANNEL_REGION_glcm_TEXTURE": "texture of neighbouring grey values (Haralick), at half size",
    "CHANNEL_REGION_lbp1_PATTERN": "share of each local binary pattern",
    "CHANNEL_REGION_lbp2_PATTERN": "the same at half size",
    "overlap": "intersection over union (IoU) of the two masks",
    **{name: OVERLAP[name] for name in ("tcell_overlap", "dc_overlap")},
}
"""Of ``measurements.parquet``, one row a patch; CHANNEL is `dc` or `tcell`, REGION `inside` the
channel's mask, `background` outside it, or `all`."""

CELLS = PLACE | {
    "channel": "`dc` or `tcell`",
    "label": "number of the cell within its field and channel, from 1",
    "centroid_y": "row of its middle in the field, in pixels",
    "centroid_x": "column of its middle in the field, in pixels",
    "area_um2": "area in square micrometres",
    "mean_intensity": "mean grey value in its own channel, above the channel's background",
    "integrated_intensity": "sum of these grey values",
    "eccentricity": "of the ellipse with the same second moments: 0 for a disc, 1 for a line",
    "solidity": "area over that of the convex hull",
    "touches_border": "whether it reaches the edge of the field, so that a part may be missing",
    "partners": "number of cells of the other kind that it touches (`prepare --contact-um`)",
    "contact_area_um2": "its area within that distance of a partner, the part on it included",
    "contact_share": "share of its area that lies on partners",
    "contact_ratio": (
        "mean intensity of its rim at the contact over that of the rest of its rim, in its own "
        "channel; missing without a contact or without a rest"
    ),
}
"""Of ``cells.parquet``, one row a cell; shapes are those of scikit-image's `regionprops`."""

INSTRUMENT = {
    "plate": PLACE["plate"],
    "well": PLACE["well"],
    "stimulation": LAYOUT["stimulation"],
    "tcell_area_mean_um2": "mean area of a T cell in square micrometres",
    "tcell_count": "number of T cells: of whole fields by the mask methods `instrument` and "
    "`labels`, by others of the part that is cut into patches",
    "dc_area_mean_um2": "mean area of a DC in square micrometres",
    "dc_count": "number of DCs, likewise",
    "overlap_percent": "share of the T-cell area that lies on DCs, in percent",
    "overlap_area_sum_um2": "area of the overlap in square micrometres",
    "overlap_over_tcell_area": "`overlap_percent` as a fraction",
    "mask": "the mask method",
}
"""Of ``instrument.csv``, one row a well: what the instrument's own software would print."""
