"""Splits by well: patches of one well never stand on both sides."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

ROLES = ("train", "validation", "test")


def split_wells(
    stimulation: Sequence[str],
    *,
    validation: float,
    test: float,
    rng: np.random.Generator,
) -> NDArray[np.str_]:
    """Give each well a role, with each stimulation in the same proportion in every role.

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
                f"expected at least one training well of stimulation '{name}', found "
                f"{wells.size} wells of which {n_test} are for test and {n_validation} for "
                "validation; take more wells or smaller fractions"
            )
        roles[wells[:n_test]] = "test"
        roles[wells[n_test : n_test + n_validation]] = "validation"
    return roles
