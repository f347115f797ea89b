"""Reference page of the tables' columns, made from the code when the site is built."""

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from ck19ml.plates.dataset import columns
from ck19ml.plates.dataset.well_measures import WELL_MEASURES

HEAD = """# Columns of the tables
A dataset is a Zarr group, `NAME.zarr`, with `patches` (n, 192, 192, 2), unsigned integers, and
`masks`; channel 0 is the DCs, channel 1 the T cells. Its tables are files beside them.
"""
TABLES = {
    "layout.csv": ("of a plate folder, one row a well", columns.LAYOUT),
    "patches.parquet": ("of a dataset, one row a patch", columns.PATCHES),
    "fields.parquet": ("of a dataset, one row a field", columns.FIELDS),
    "measurements.parquet": (
        "of a dataset, one row a patch; CHANNEL is `dc` or `tcell`, REGION `inside` the channel's "
        "mask, `background` outside it, or `all`",
        columns.MEASUREMENTS,
    ),
    "cells.parquet": ("of a dataset, one row a cell", columns.CELLS),
    "wells": (
        "written by `ck19ml cells --wells FILE`, one row a well, after the columns of the layout",
        WELL_MEASURES,
    ),
    "instrument.csv": ("of a dataset, one row a well", columns.INSTRUMENT),
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated page to those in docs/: a hook of MkDocs."""
    files.append(File.generated(config, "reference/tables.md", content=page()))
    return files


def page() -> str:
    """Return a section for each table: what it is of, and the meaning of each column."""
    parts = [HEAD]
    for name, (what, meanings) in TABLES.items():
        rows = [f"| `{column}` | {meaning} |" for column, meaning in meanings.items()]
        parts += [f"## {name}\n\n{what}\n\n| column | meaning |\n| --- | --- |", *rows, ""]
    return "\n".join(parts)
