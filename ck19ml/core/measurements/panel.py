"""The channels of an assay: their names, and those whose cells are masked."""

from collections.abc import Mapping
from dataclasses import dataclass

CELLS = {"dc": "DC", "tcell": "T cell"}
"""Names of the two channels that have measures of a pair where both are there, and their cells."""


@dataclass(frozen=True)
class Panel:
    """The channels of an assay, in the order in which images hold them.

    Attributes
    ----------
    names : tuple of str
        ``dc`` and ``tcell`` first, where both are there.
    stained : tuple of str
        Those whose cells are masked and counted. Another channel, such as brightfield, is carried
        along; it is looked at where any stained channel has cells.

    Examples
    --------
    >>> Panel.of(["brightfield", "nuclei"], ["nuclei"]).places
    (1,)
    >>> Panel.of(["tcell", "dc", "nuclei"]).names
    ('dc', 'tcell', 'nuclei')
    """

    names: tuple[str, ...] = tuple(CELLS)
    stained: tuple[str, ...] = tuple(CELLS)

    @classmethod
    def of(cls, names: "tuple[str, ...] | list[str]", stained: list[str] | None = None) -> "Panel":
        """Return the panel of these channels; by default all are stained."""
        first = [name for name in CELLS if name in names]
        order = (*first, *(name for name in names if name not in first))
        return cls(order, tuple(n for n in order if stained is None or n in stained))

    @property
    def pair(self) -> bool:
        """True if there are DCs and T cells, whose overlap and contacts are measured."""
        return set(CELLS) <= set(self.stained)

    @property
    def places(self) -> tuple[int, ...]:
        """Indices of the stained channels."""
        return tuple(self.names.index(name) for name in self.stained)

    @property
    def placed(self) -> tuple[tuple[str, int], ...]:
        """Name and index of each stained channel."""
        return tuple(zip(self.stained, self.places, strict=True))

    def levels(self, background: int | Mapping[str, int]) -> tuple[int, ...]:
        """Return the level that each channel's grey values are raised to; 0 without a stain.

        Examples
        --------
        >>> Panel().levels(255), Panel().levels({"tcell": 380, "dc": 410})
        ((255, 255), (410, 380))
        """
        each = (
            dict.fromkeys(self.stained, background) if isinstance(background, int) else background
        )
        return tuple(int(each[name]) if name in self.stained else 0 for name in self.names)

    def label(self, name: str) -> str:
        """Return what figures and messages call a channel's cells: the plate's own name."""
        return CELLS.get(name, name)

    @property
    def parameters(self) -> dict[str, list[str]]:
        """Keys of a dataset's and a card's parameters; none for the two channels of the study."""
        known = {} if self == PAIR else {"channels": list(self.names)}
        return known if self.stained == self.names else known | {"stained": list(self.stained)}


PAIR = Panel()
"""DCs and T cells: the study's."""
