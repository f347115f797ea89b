"""Effects of a well's place on the plate: rows, columns and edges that differ."""

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.settings import Frozen


class Terms(Frozen):
    """Logarithms of factors, or their standard deviations; 0 changes nothing.

    Attributes
    ----------
    tcell_count, dc_count : float
        On the number of cells.
    overlap : float
        On the share of T-cell area on DCs, through how far T cells lie from the middle of their DC:
        the true contacts stay as they are.
    brightness : float
        On the brightness of all stained cells.
    """

    tcell_count: float = 0.0
    dc_count: float = 0.0
    overlap: float = 0.0
    brightness: float = 0.0


class Position(Frozen):
    """Differences between rows, columns and edges of a plate.

    Variance components of the logarithms of the real CK19's instrument table (restricted maximum
    likelihood; stimulations as fixed effects; rows, columns, compounds and wells as random ones;
    without the 16 compounds of the strongest effects, 192 wells):

    | | row | column | compound | well |
    | --- | --- | --- | --- | --- |
    | T cells counted | 0.045 | 0.071 | 0.001 | 0.131 |
    | DCs counted | 0.047 | 0.026 | 0.049 | 0.075 |
    | % area overlap | 0.056 | 0.030 | 0.068 | 0.086 |

    Vehicles, which lie in three rows, differ twice as much as the two wells of a compound, which
    share a row (SD of the overlap as a fraction: 0.046 against 0.022 in unstimulated wells, 0.071
    against 0.037 in ConA wells), of which this explains a part: six vehicles a stimulation tell
    little. The brightness is an assumption, for the table holds no intensities.

    Attributes
    ----------
    rows, columns : Terms
        Standard deviations between rows, and between columns.
    edge : Terms
        Terms of the wells in the outermost rows and columns. CK19's rows A and P have 12 % more
        T cells, 11 % fewer DCs and 5 % less overlap than the other rows.
    """

    rows: Terms = Terms(tcell_count=0.045, dc_count=0.04, overlap=0.055, brightness=0.03)
    columns: Terms = Terms(tcell_count=0.07, dc_count=0.026, overlap=0.03, brightness=0.03)
    edge: Terms = Terms(tcell_count=0.12, dc_count=-0.11, overlap=-0.05)


NOWHERE = Position(rows=Terms(), columns=Terms(), edge=Terms())
"""A plate on which every place is like any other."""


def terms_of(
    position: Position, row: int, column: int, plate_format: tuple[int, int], seed: int
) -> Terms:
    """Draw the terms of one well; they depend on the seed, its row and its column alone.

    Parameters
    ----------
    position : Position
    row, column : int
        From 0.
    plate_format : (int, int)
        Number of rows and columns of the plate.
    seed : int
    """
    rows, columns = plate_format
    at_edge = row in (0, rows - 1) or column in (0, columns - 1)
    of_row, of_column = (
        _values(scale) * np.random.default_rng([seed, axis, index]).standard_normal(4)
        for axis, (index, scale) in enumerate(((row, position.rows), (column, position.columns)))
    )
    total = of_row + of_column + at_edge * _values(position.edge)
    return Terms(**dict(zip(Terms.model_fields, total.tolist(), strict=True)))


def _values(terms: Terms) -> NDArray[np.float64]:
    return np.array(list(terms.model_dump().values()))
