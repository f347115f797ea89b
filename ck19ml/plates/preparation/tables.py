"""The tables of a dataset: one row a patch, and one row a field."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ck19ml.core import quality
from ck19ml.core.chance import expected_share
from ck19ml.core.measurements.panel import Panel
from ck19ml.core.wells import column, row_letter
from ck19ml.files.fingerprint import fingerprint
from ck19ml.plates.folder import Field
from ck19ml.plates.preparation.partial_dataset import Record
from ck19ml.plates.preparation.settings import Preparation, Source

LABELS = ["stimulation", "compound", "concentration_um", "control"]
FIRST = ["plate", "well", "row", "column", "field", "patch", "y", "x", *LABELS]
KEYS = ["plate", "well", "field"]


@dataclass(frozen=True)
class Tables:
    """Tables of a dataset.

    Attributes
    ----------
    table : DataFrame, one row a patch
    fields : DataFrame, one row a field
    labels : DataFrame, one row a well
        plate, and the columns of a layout.
    """

    table: pd.DataFrame
    fields: pd.DataFrame
    labels: pd.DataFrame

    def content_hash(self, parameters: dict[str, Any]) -> str:
        """Hash all patches, their places and labels, and the parameters."""
        hashes = self.fields[[*KEYS, "sha256"]].to_dict("split")["data"]
        return fingerprint(hashes, self.labels.to_csv(index=False), parameters)


def describe(
    sources: Sequence[Source],
    fields: Sequence[Field],
    records: Sequence[Record],
    preparation: Preparation,
) -> Tables:
    """Build the tables of the fields from their records and their plates' layouts."""
    pixels, panel = preparation.patch_size**2, sources[0].plate.description.panel
    each = pd.DataFrame(
        [
            _field_row(field, record, pixels, panel)
            for field, record in zip(fields, records, strict=True)
        ]
    )
    each["flagged"] = ""
    maximum = 2 ** sources[0].plate.description.bit_depth - 1
    for _, group in each.groupby("plate"):
        each.loc[group.index, "flagged"] = quality.flags(group, preparation.quality, maximum, panel)
    labels = _labels(sources, each)
    table = pd.concat(map(_patch_rows, fields, records), ignore_index=True)
    table = _with_chance(table, pixels) if panel.pair else table
    table = table.merge(labels, on=["plate", "well"], how="left", validate="m:1")
    table = table[FIRST + [name for name in table.columns if name not in FIRST]]
    return Tables(table.astype({"y": "int32", "x": "int32"}), each, labels)


SHOWN = 10
"""Groups of copies that are named; a plate copied as a whole would fill the screen."""


def copies(fields: pd.DataFrame, labels: pd.DataFrame) -> list[str]:
    """Name the wells that have the same pixels as another: a file saved twice, a plate renamed.

    Wells without a usable patch are alike without being copies.

    Parameters
    ----------
    fields, labels : DataFrame
        See `Tables`.

    Returns
    -------
    list of str
        One sentence for each group of copies, at most `SHOWN`, and one for the others.
    """
    wells = fields.groupby(["plate", "well"], sort=True).agg(
        pixels=("sha256", "+".join), faulty=("faulty_share", "min")
    )
    wells = wells[(wells["faulty"] < 1) & wells["pixels"].duplicated(keep=False)].reset_index()
    wells = wells.merge(labels[["plate", "well", "stimulation"]], on=["plate", "well"], how="left")
    found = []
    for _, group in wells.groupby("pixels", sort=False):
        first, *others = (group["plate"] + " " + group["well"]).tolist()
        names = sorted(set(group["stimulation"].dropna()))
        unlike = f", although their stimulations differ ({', '.join(names)})" if names[1:] else ""
        found.append(f"{', '.join(others)}: same pixels as {first}, counted as one well{unlike}")
    if len(found) > SHOWN:
        found[SHOWN:] = [f"{len(found) - SHOWN} more wells have copies"]
    return found


def _labels(sources: Sequence[Source], fields: pd.DataFrame) -> pd.DataFrame:
    """Return the labels of the plates' wells; one folder may hold the files of several plates."""
    parts = []
    for source in sources:
        names = sorted({field.plate for field in source.plate.fields})
        parts += [source.labels[["well", *LABELS]].assign(plate=name) for name in names]
    labels = pd.concat(parts, ignore_index=True)
    held = labels.merge(fields[["plate", "well"]].drop_duplicates(), on=["plate", "well"])
    return held[["plate", "well", *LABELS]].reset_index(drop=True)


def _with_chance(table: pd.DataFrame, pixels: int) -> pd.DataFrame:
    """Add what the areas alone say of chance, before the z-scores where these were asked for."""
    expected = expected_share(table["tcell_area_px"], table["dc_area_px"], pixels)
    place = table.columns.tolist().index("dc_overlap") + 1
    table.insert(place, "overlap_expected", expected)
    table.insert(place + 1, "overlap_excess", table["tcell_overlap"] - expected)
    return table


def _field_row(field: Field, record: Record, pixels: int, panel: Panel) -> dict[str, Any]:
    patches = record.columns
    areas = {f"{name}_area_px": sum(patches[f"{name}_area_px"]) for name in panel.stained}
    if panel.pair:
        areas = _overlap_row(patches, pixels) | areas
    return {
        "plate": field.plate,
        "well": field.well,
        "field": field.field,
        "sha256": record.sha256,
        "masks_sha256": record.masks_sha256,
        **record.quality,
        **areas,
        "empty": record.empty,
    }


def _overlap_row(patches: dict[str, list[Any]], pixels: int) -> dict[str, Any]:
    dc, tcell, both = (
        sum(patches[name]) for name in ("dc_area_px", "tcell_area_px", "overlap_area_px")
    )
    expected = float(expected_share(tcell, dc, pixels * len(patches["y"])))
    tcell_overlap = both / max(tcell, 1)
    return {
        "tcell_area_px": tcell,
        "dc_area_px": dc,
        "overlap_area_px": both,
        "tcell_overlap": tcell_overlap,
        "dc_overlap": both / max(dc, 1),
        "overlap_expected": expected,
        "overlap_excess": tcell_overlap - expected,
    }


def _patch_rows(field: Field, record: Record) -> pd.DataFrame:
    place = {
        "plate": field.plate,
        "well": field.well,
        "row": row_letter(field.well),
        "column": column(field.well),
        "field": field.field,
        "patch": range(len(record.columns["y"])),
    }
    return pd.DataFrame({**place, **record.columns})
