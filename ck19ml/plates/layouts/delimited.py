"""Layouts as delimited text."""

import csv
import io
import re
from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.files.csv_text import as_meant
from ck19ml.files.reading import BoundsError, read_text
from ck19ml.plates.layouts.table import Table, make_table

MAX_TEXT_BYTES = 8 * 2**20  # a plate has 1536 wells at most: a layout is some tens of kilobytes
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=([,;\t|])\"?[ \r]*\n", re.I)


def read_delimited(path: Path) -> Table:
    """Read UTF-8 text delimited by commas, semicolons or tabs.

    Parameters
    ----------
    path : Path
        The file; its first line names the columns, after a line ``sep=;`` as Excel reads it if
        there is one. Blank lines are skipped.

    Raises
    ------
    PlateError
        If the file cannot be read, is not UTF-8, is empty or is not a table.
    """
    text = _read_text(path)
    separator = max(",;\t", key=text.lstrip().split("\n", 1)[0].count)
    if match := _SEPARATOR_LINE.match(text):
        # Blank, so that the numbers of the lines stay.
        separator, text = match[1], "\n" + text[match.end() :]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        lines = [
            (reader.line_num, [as_meant(" ".join(field.split())) for field in row])
            for row in reader
        ]
    except csv.Error as error:
        raise PlateError(
            f"{path}, line {reader.line_num}: {error}; "
            "write one line a well with as many fields as the header"
        ) from error
    filled = [(number, row) for number, row in lines if any(row)]
    if not filled:
        raise PlateError(f"{path} holds only separators; give it a header and one line a well")
    (_, header), *rows = filled
    places = {f"line {number}": row for number, row in rows}
    return make_table(str(path), header, places, dot_is_decimal=separator == ",")


def _read_text(path: Path) -> str:
    try:
        text = read_text(path, MAX_TEXT_BYTES)
    except BoundsError as error:
        raise PlateError(
            f"{path} is too large for a layout (at most {MAX_TEXT_BYTES // 2**20} MiB): {error}; "
            "give one row a well"
        ) from error
    except UnicodeDecodeError as error:
        raise PlateError(
            f"{path} is not UTF-8 text: byte {error.object[error.start]:#04x} at "
            f"position {error.start}; save it as 'CSV UTF-8'"
        ) from error
    except OSError as error:
        raise PlateError(
            f"cannot read the layout {path}: {error.strerror}; check the path"
        ) from error
    if not text.strip():
        raise PlateError(f"{path} is empty; give it a header and one line a well")
    return text
