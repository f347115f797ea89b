"""Tables of a dataset that are written field by field: measurements of patches, and cells."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

MEASUREMENTS = "measurements.parquet"
"""General measurements, one row a patch: `core.measurements`."""

CELLS = "cells.parquet"
"""One row a cell: `core.contacts.measure_cells`."""

FIELDS_TOGETHER = 64
"""Fields a row group: few groups are read fast, and one of them takes little memory."""


def write_measurements(
    folder: Path, names: Sequence[str], fields: Iterable[NDArray[np.float32]]
) -> None:
    """Write the table of measurements, one row a patch.

    Parameters
    ----------
    names : sequence of str
        Of the measures.
    fields : iterable of ndarray, (patches, measures), float32
        One field after the other.
    """
    schema = pa.schema([(name, pa.float32()) for name in names])
    tables = (
        pa.Table.from_arrays(
            [pa.array(each) for each in np.ascontiguousarray(part.T)], schema=schema
        )
        for part in fields
    )
    write_portions(folder / MEASUREMENTS, tables)


def write_portions(path: Path, fields: Iterable[pa.Table]) -> None:
    """Write the tables of fields, at least one, of the same columns, as one Parquet file."""
    left = iter(fields)
    part = pa.concat_tables(islice(left, FIELDS_TOGETHER))
    with pq.ParquetWriter(path, part.schema) as writer:
        writer.write_table(part)
        while several := list(islice(left, FIELDS_TOGETHER)):
            writer.write_table(pa.concat_tables(several))
