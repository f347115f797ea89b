import numpy as np
import pytest

from ck19ml.core.simulation.position import NOWHERE, Position, Terms, terms_of

PLATE = (16, 24)


def test_wells_of_a_row_share_its_term() -> None:
    position = Position(rows=Terms(overlap=1.0), columns=Terms(), edge=Terms())
    first, second, other = (
        terms_of(position, row, column, PLATE, seed=3) for row, column in ((4, 5), (4, 9), (6, 5))
    )
    assert first == second != other
    assert first.tcell_count == 0


def test_rows_and_columns_add_up() -> None:
    one = Terms(tcell_count=0.1, brightness=0.2)
    of_row, of_column, both = (
        terms_of(Position(rows=rows, columns=columns, edge=Terms()), 4, 4, PLATE, seed=1)
        for rows, columns in ((one, Terms()), (Terms(), one), (one, one))
    )
    assert of_row != of_column
    for name in ("tcell_count", "brightness"):
        total = getattr(of_row, name) + getattr(of_column, name)
        assert getattr(both, name) == pytest.approx(total)


@pytest.mark.parametrize(
    ("row", "column", "edge"),
    [(0, 5, 1), (15, 5, 1), (3, 0, 1), (3, 23, 1), (1, 1, 0), (14, 22, 0)],
)
def test_the_edge_is_the_outermost_ring(row: int, column: int, edge: int) -> None:
    position = Position(rows=Terms(), columns=Terms(), edge=Terms(dc_count=-0.11))
    assert terms_of(position, row, column, PLATE, seed=0).dc_count == -0.11 * edge


def test_rows_differ_as_much_as_asked() -> None:
    position = Position(rows=Terms(dc_count=0.2), columns=Terms(), edge=Terms())
    drawn = [
        terms_of(position, row, 5, PLATE, seed).dc_count for row in range(16) for seed in range(40)
    ]
    assert np.std(drawn) == pytest.approx(0.2, rel=0.1)
    assert np.mean(drawn) == pytest.approx(0, abs=0.03)


def test_nowhere_differs_from_nowhere() -> None:
    assert terms_of(NOWHERE, 0, 3, PLATE, seed=5) == Terms()
