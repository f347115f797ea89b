"""Fuzz the layout reader: mutated sheets give a layout or one line, and never anything else.

    python -m tests.fuzz.layout --seconds 60

The seeds are the real sheets in shared/reference/layouts where these are there, and made ones. A
finding is written with the file that shows it, so that it can become a case of tests/badinput.
"""

import argparse
import io
import random
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from openpyxl import load_workbook

from ck19ml.errors import Ck19Error
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import read_layout, write_layout
from tests.places import REFERENCE
from tests.plates.layouts.spreadsheet.plates import ck19, dose_response, save

REAL = REFERENCE / "layouts"
PATIENCE_S = 20.0
"""A sheet that takes longer is a finding: none of the seeds takes a second."""

VALUES = (
    None, "", " ", "A", "H", "P", "AA", 0, 1, 24, 25, -1, 3.5, 1e308, "1e999", "nan", "=A1", "=1/0",
    "#REF!", "OVA", "Unstimulated", "ConA 5 ug/mL", "5 ug", "10 uM", "conc (nM)", "DMSO",
    "x" * 5000, "\u202eA1", "A\u0301", "②", "١٢", "µM", "\n\n", "e",
    "Control = DMSO", True, "1,000", "0,3",
)  # fmt: skip
"""What is written into cells: words that the reader knows, and words that nobody does."""

TOKENS = (
    b"<c/>", b'<c r="A1"/>', b'r="XFD1048576"', b't="e"', b't="s"', b't="b"', b"<v>-1</v>",
    b"<v>99999</v>", b"<f>A1</f>", b"</row>", b'ref="B2:A1"', b'ref="A1"', b"<mergeCell/>", b"&#0;",
    b'state="hidden"', b"<is><t>OVA</t></is>", b'r="0"', b's="999"', b"1e400", b"-0",
)  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


@dataclass
class Fuzzed:
    """What was done and found.

    Attributes
    ----------
    outcomes : Counter
        Executions by how they ended: read, refused, or a finding.
    findings : dict of str to bytes
        The first file of each kind of finding.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[str, bytes] = field(default_factory=dict)

    @property
    def executions(self) -> int:
        """How many files were read."""
        return self.outcomes.total()


def seeds(folder: Path) -> dict[str, list[bytes]]:
    """Files to mutate, by ending: the real sheets, and some of ours."""
    books = [path.read_bytes() for path in sorted(REAL.glob("*.xlsx"))]
    books += [save(folder, plate).read_bytes() for plate in (ck19(), dose_response())]
    colours = {"FFFF0000": range(1, 7), "FF00FF00": range(7, 13)}
    legend = {"P5": "OVA", "P6": "ConA"}
    coloured = dose_response(labels=[], colours=colours, others=legend)
    books.append(save(folder, coloured).read_bytes())
    tables = []
    for name in ("ck19", "ck21"):
        write_layout(builtin_layout(name), folder / "seed.csv")  # type: ignore[arg-type]
        tables.append((folder / "seed.csv").read_bytes())
    return {".xlsx": books, ".csv": tables}


def bytes_of(content: bytes, rng: random.Random) -> bytes:
    """Flip, remove, repeat or insert a few bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        place = rng.randrange(len(data) + 1)
        match rng.randrange(4):
            case 0 if place < len(data):
                data[place] = rng.randrange(256)
            case 1:
                del data[place : place + rng.choice((1, 4, 64))]
            case 2:
                data[place:place] = data[place : place + rng.choice((1, 16, 256))]
            case _:
                data[place:place] = bytes(rng.choice(b"\0,;\t\"'\n\r\xff<>&0Aa") for _ in range(3))
        data = data or bytearray(b"\0")
    return bytes(data)


def tokens_of(content: bytes, rng: random.Random) -> bytes:
    """Put tokens of the format where others stand, or exchange two pieces."""
    data = content
    for _ in range(rng.choice((1, 2, 5))):
        ends = [0, *(at for at in range(len(data)) if data[at : at + 1] in b'<>",\n')]
        first, last = sorted(rng.choices(ends, k=2))
        middle = rng.choice((rng.choice(TOKENS), b"", data[first:last] * 2))
        data = data[:first] + middle + data[min(last, first + rng.choice((0, 5, 60))) :]
    return data


def part_of(content: bytes, rng: random.Random) -> bytes:
    """Mutate one part inside a workbook, and pack it again."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheets = [name for name in parts if "sheet" in name]
    name = rng.choice(sheets if rng.random() < 0.7 else list(parts))
    parts[name] = rng.choice((bytes_of, tokens_of))(parts[name] or b"\0", rng)
    if rng.random() < 0.05:
        del parts[rng.choice(list(parts))]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, data in parts.items():
            archive.writestr(part, data)
    return packed.getvalue()


def cells_of(content: bytes, rng: random.Random) -> bytes:
    """Change cells, merges, rows and columns of a workbook, as a person in a hurry would."""
    book = load_workbook(io.BytesIO(content))
    page = book.worksheets[0]
    for _ in range(rng.choice((1, 2, 5, 20))):
        row, column = rng.randint(1, 40), rng.randint(1, 32)
        match rng.randrange(6):
            case 0:
                area = (row, column, row + rng.randrange(6), column + rng.randrange(12))
                page.merge_cells(None, *area)
            case 1:
                rng.choice((page.insert_rows, page.delete_rows))(row)
            case 2:
                rng.choice((page.insert_cols, page.delete_cols))(column)
            case 3:
                source = page.cell(rng.randint(1, 40), rng.randint(1, 32)).value
                _set(page, row, column, source)
            case 4 if page.merged_cells.ranges:
                page.unmerge_cells(str(rng.choice(sorted(map(str, page.merged_cells.ranges)))))
            case _:
                _set(page, row, column, rng.choice(VALUES))
    packed = io.BytesIO()
    book.save(packed)
    return packed.getvalue()


def _set(page: object, row: int, column: int, value: object) -> None:
    cell = page.cell(row, column)  # type: ignore[attr-defined]
    if type(cell).__name__ == "Cell":  # what is inside a merged range takes no value
        cell.value = value


MUTATIONS: dict[str, tuple[Mutation, ...]] = {
    ".xlsx": (bytes_of, part_of, part_of, cells_of, cells_of),
    ".csv": (bytes_of, tokens_of),
}


def judge(path: Path) -> str:
    """Read a file; returns 'read', 'refused', or what is wrong with how it ended."""
    start = time.perf_counter()
    try:
        layout = read_layout(path)
    except Ck19Error as error:
        message = str(error)
        outcome = "refused" if _is_one_line(message, path) else f"a vague line: {message[-60:]}"
    except Exception as error:  # the finding
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}"
    else:
        outcome = _again(layout, path)
    if time.perf_counter() - start > PATIENCE_S:
        return f"more than {PATIENCE_S:g} s"
    return outcome


def _is_one_line(message: str, path: Path) -> bool:
    # What to do stands after the last semicolon, as in tests/badinput.
    wrong, _, remedy = message.rpartition("; ")
    return path.name in wrong and len(remedy.split()) > 1 and "\n" not in message


def _again(layout: pd.DataFrame, path: Path) -> str:
    """A layout that was written and read again is the same."""
    target = path.with_name("again.csv")
    write_layout(layout, target)
    try:
        pd.testing.assert_frame_equal(read_layout(target), layout)
    except (AssertionError, Ck19Error) as error:
        return f"another layout when written and read again: {str(error)[:60]}"
    return "read"


def fuzz(seconds: float, seed: int) -> Fuzzed:
    """Mutate and read for so long."""
    rng, found = random.Random(seed), Fuzzed()  # noqa: S311
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as place:
        known = seeds(Path(place))
        while time.monotonic() < end:
            ending = rng.choice((".xlsx", ".xlsx", ".xlsx", ".csv"))
            content = rng.choice(known[ending])
            try:
                content = rng.choice(MUTATIONS[ending])(content, rng)
            except (ValueError, TypeError, AttributeError, IndexError, KeyError):
                continue  # openpyxl does not write every change
            path = Path(place) / f"layout{ending}"
            path.write_bytes(content)
            outcome = judge(path)
            found.outcomes[outcome] += 1
            if outcome not in ("read", "refused"):
                found.findings.setdefault(outcome, content)
    return found


def main() -> int:
    """Run from the command line; the exit code says whether anything was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--keep", type=Path, help="folder for the files of findings")
    given = parser.parse_args()
    found = fuzz(given.seconds, given.seed)
    print(f"{found.executions} executions, seed {given.seed}")
    for outcome, count in found.outcomes.most_common():
        print(f"{count:7d} {outcome}")
    for number, content in enumerate(found.findings.values()):
        if given.keep:
            given.keep.mkdir(parents=True, exist_ok=True)
            (given.keep / f"finding-{number}").write_bytes(content)
    return 1 if found.findings else 0


if __name__ == "__main__":
    sys.exit(main())
