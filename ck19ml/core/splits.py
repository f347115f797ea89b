"""Splits by well, or by groups of wells: patches of one well never stand on both sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

ROLES = ("train", "validation", "test")

GATE = "gate"
"""Role of the wells on which a model must be better than the champion; none chose the model."""

GATE_UNITS = 12
"""Fewest units that a gate decides on: of 12 a one-sided test at 2.5 % has some power."""

UNITS = {"well": "wells", "column": "columns of a plate", "plate": "plates"}
"""Units that a split may keep together, with their plurals."""


def unit_names(plate: Sequence[str], well: Sequence[str], by: str) -> NDArray[np.str_]:
    """Name the unit of each well: the well itself, its column, or its plate.

    Parameters
    ----------
    plate, well : sequence of str, (n,)
    by : str
        A key of `UNITS`.

    Returns
    -------
    ndarray of str, (n,)

    Examples
    --------
    >>> unit_names(["P", "P"], ["A03", "B03"], "column").tolist()
    ['P/03', 'P/03']
    """
    if by == "plate":
        return np.array(plate, dtype=np.str_)
    places = [name[-2:] for name in well] if by == "column" else well
    return np.array([f"{p}/{place}" for p, place in zip(plate, places, strict=True)], np.str_)


def merge_units(units: Sequence[str], pixels: Sequence[str]) -> NDArray[np.str_]:
    """Merge units that have a well with the same pixels: a copy of a well is the same well.

    Parameters
    ----------
    units, pixels : sequence of str, (wells,)
        Unit of each well, and the fingerprint of its pixels.

    Returns
    -------
    ndarray of str, (wells,)
        The alphabetically first of the merged units.

    Examples
    --------
    >>> merge_units(["P/A01", "P/A02", "Q/A01"], ["x", "y", "x"]).tolist()
    ['P/A01', 'P/A02', 'P/A01']
    """
    names, unit = np.unique(np.asarray(units, np.str_), return_inverse=True)
    mark = np.unique(np.asarray(pixels, np.str_), return_inverse=True)[1] + names.size
    size = int(mark.max(initial=names.size - 1)) + 1
    graph = coo_array((np.ones(unit.size), (unit, mark)), shape=(size, size))
    part = connected_components(graph, directed=False)[1][: names.size]
    first = np.unique(part, return_index=True)[1]  # names are sorted
    return names[first[np.unique(part, return_inverse=True)[1]]][unit]


def split_wells(
    stimulation: Sequence[str],
    *,
    validation: float,
    test: float,
    rng: np.random.Generator,
) -> NDArray[np.str_]:
    """Assign a role to each well, with each stimulation in the same proportion in every role.

    Parameters
    ----------
    stimulation : sequence of str, (wells,)
        The stimulation of each well.
    validation, test : float
        Fractions of the wells, in (0, 1); at least one well a stimulation and role.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of str, (wells,)
        ``train``, ``validation`` or ``test``.

    Raises
    ------
    ValueError
        If a stimulation has too few wells to stand in each role.

    Examples
    --------
    >>> roles = split_wells(["OVA"] * 5, validation=0.2, test=0.2, rng=np.random.default_rng(0))
    >>> sorted(roles.tolist())
    ['test', 'train', 'train', 'train', 'validation']
    """
    names = np.asarray(stimulation)
    roles = np.full(names.shape, "train", dtype="<U10")
    for name in np.unique(names):
        wells = rng.permutation(np.flatnonzero(names == name))
        n_test = max(1, round(test * wells.size))
        n_validation = max(1, round(validation * wells.size))
        if wells.size - n_test - n_validation < 1:
            raise ValueError(
                f"stimulation '{name}' has no well left for training: of its "
                f"{wells.size} wells {n_test} are for test and {n_validation} for "
                "validation; take more wells or smaller fractions"
            )
        roles[wells[:n_test]] = "test"
        roles[wells[n_test : n_test + n_validation]] = "validation"
    return roles


def split_groups(
    stimulation: Sequence[str],
    groups: Sequence[str],
    *,
    validation: float,
    test: float,
    seed: int,
) -> NDArray[np.str_]:
    """Assign roles to whole groups of wells (plates, columns), like `split_wells`.

    Parameters
    ----------
    stimulation, groups : sequence of str, (wells,)
    validation, test : float
        Fractions of the wells, met as closely as whole groups allow.
    seed : int

    Raises
    ------
    ValueError
        If there are too few groups for a stimulation to stand in each role.
    """
    folds = min(_parts(test), _fewest(np.asarray(stimulation), np.asarray(groups)))
    return fold_groups(stimulation, groups, validation=validation, folds=folds, fold=0, seed=seed)


def fold_groups(
    stimulation: Sequence[str],
    groups: Sequence[str],
    *,
    validation: float,
    folds: int,
    fold: int,
    seed: int,
) -> NDArray[np.str_]:
    """Assign the role ``test`` to the groups of one fold, and the other roles to the rest.

    Over all folds each group is tested once.

    Parameters
    ----------
    stimulation, groups : sequence of str, (wells,)
    validation : float
        Fraction of the wells.
    folds, fold : int
        Number of folds, and which of them is tested, from 0.
    seed : int

    Raises
    ------
    ValueError
        If there are too few groups for a stimulation to stand in each role.
    """
    names, whole = np.asarray(stimulation), np.asarray(groups)
    roles = np.full(names.shape, "train", dtype="<U10")
    fewest, needed = _fewest(names, whole), max(folds, len(ROLES))
    if fewest < needed:
        raise ValueError(
            f"every stimulation needs at least {needed} groups of wells (one a fold, and one "
            f"a role), and one has {fewest}; split by well, or take fewer folds"
        )
    roles[_fold(names, whole, folds, fold, seed)] = "test"
    rest = np.flatnonzero(roles == "train")
    # Of the wells that are left, so many parts that one of them has the fraction asked for.
    parts = min(_parts(validation * names.size / rest.size), _fewest(names[rest], whole[rest]))
    roles[rest[_fold(names[rest], whole[rest], parts, 0, seed)]] = "validation"
    for role in ROLES:
        missing = sorted(set(names) - set(names[roles == role]))
        if missing:
            raise ValueError(
                f"there are no {role} wells of {missing[0]} when "
                "whole groups of wells are kept together; split by well, or add plates"
            )
    return roles


def _fewest(names: NDArray[np.str_], groups: NDArray[np.str_]) -> int:
    """Count the groups of the stimulation that has the fewest."""
    return min(np.unique(groups[names == name]).size for name in np.unique(names))


def _parts(fraction: float) -> int:
    return max(2, round(1 / fraction))


def _fold(
    names: NDArray[np.str_], groups: NDArray[np.str_], folds: int, fold: int, seed: int
) -> NDArray[np.intp]:
    from sklearn.model_selection import StratifiedGroupKFold  # every config imports this

    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    tested = [test for _, test in splitter.split(names, names, groups)]
    return np.asarray(tested[fold])


def set_aside(
    stimulation: Sequence[str], units: Sequence[str], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose half of the validation wells for the gate, in whole units.

    Parameters
    ----------
    stimulation, units : sequence of str, (wells,)
        Of the validation wells; units are stratified by the stimulation of their first well.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of bool, (wells,)
        None of the wells where half of the units are fewer than `GATE_UNITS`.

    Examples
    --------
    >>> wells = [f"A{column:02d}" for column in range(1, 25)]
    >>> int(set_aside(["OVA"] * 24, wells, np.random.default_rng(0)).sum())
    12
    """
    names, first = np.unique(np.asarray(units, np.str_), return_index=True)
    labels = np.asarray(stimulation, np.str_)[first]
    chosen: list[str] = []
    for label in np.unique(labels):
        own = rng.permutation(names[labels == label])
        chosen += own[: -(-own.size // 2)].tolist()
    enough = GATE_UNITS <= len(chosen) < names.size
    return np.isin(units, chosen) if enough else np.zeros(len(units), np.bool_)


def hold_out(
    well: NDArray[np.integer], share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose patches of each well, whatever their well: what a split by patch would test on.

    Parameters
    ----------
    well : ndarray of int, (n,)
        Index of each patch's well.
    share : float
        Of each well's patches, rounded; at least one patch of a well is left.

    Returns
    -------
    ndarray of bool, (n,)

    Examples
    --------
    >>> chosen = hold_out(np.array([0, 0, 0, 0, 1]), 0.5, np.random.default_rng(0))
    >>> int(chosen[:4].sum()), bool(chosen[4])
    (2, False)
    """
    chosen = np.zeros(well.size, bool)
    for index in np.unique(well):
        own = rng.permutation(np.flatnonzero(well == index))
        chosen[own[: min(round(share * own.size), own.size - 1)]] = True
    return chosen
