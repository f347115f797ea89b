import copy
from dataclasses import replace
from pathlib import Path

import pytest

from ck19ml.plates.problems import PlateProblems, Problem, require_none, skipped_table

ONE = Problem("CK19", "A03", 1, Path("p/a.tif"), "unreadable", "p/a.tif: expected x, found y; do z")


def many(count: int) -> list[Problem]:
    return [
        replace(ONE, well=f"A{n:02d}", file=Path(f"p/{n}.tif"), message=f"p/{n}.tif: found y; do z")
        for n in range(1, count + 1)
    ]


def test_nothing_wrong_is_no_error() -> None:
    require_none([])


def test_one_problem_speaks_for_itself() -> None:
    with pytest.raises(PlateProblems) as caught:
        require_none([ONE])
    assert str(caught.value) == ONE.message
    assert caught.value.report == []


def test_the_same_said_of_two_fields_is_said_once() -> None:
    assert str(PlateProblems([ONE, replace(ONE, field=2)])) == ONE.message


def test_many_are_counted_the_first_named_and_all_reported() -> None:
    error = PlateProblems(many(5))
    assert str(error) == (
        "the plate has 5 problems in 5 wells: p/1.tif: found y; p/2.tif: found "
        "y; p/3.tif: found y; and 2 more; correct them, or use --skip-bad to continue without "
        "these fields"
    )
    assert len(error.report) == 5
    assert error.report[4] == "CK19 A05 field 1: unreadable: p/5.tif: found y; do z"


def test_it_comes_back_from_another_process() -> None:
    error = copy.deepcopy(PlateProblems(many(2)))  # asks the same of it as a process does
    assert error.problems == tuple(many(2))


def test_the_table_of_what_was_skipped_names_files_without_folders() -> None:
    table = skipped_table(many(2)[::-1])
    assert list(table.columns) == ["plate", "well", "field", "file", "kind", "message"]
    assert table["file"].tolist() == ["1.tif", "2.tif"]


def test_a_kind_that_is_not_known_is_a_defect() -> None:
    with pytest.raises(ValueError, match="'odd'"):
        replace(ONE, kind="odd")
