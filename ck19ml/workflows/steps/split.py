"""The split of a dataset: which wells each step may see."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.config import SplitConfig
from ck19ml.core.scores.baselines import Baselines, fit_baselines, fit_logistic_rule, well_measures
from ck19ml.core.splits import (
    GATE,
    ROLES,
    fold_groups,
    hold_out,
    merge_units,
    set_aside,
    split_groups,
    split_wells,
    unit_names,
)
from ck19ml.core.wells import WELL, well_index
from ck19ml.errors import ConfigError
from ck19ml.networks.card import FAULTY, class_labels
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import OF_MASKS

SAME_WELLS = "same_wells"
"""Role of the held-out patches of training wells."""


@dataclass(frozen=True)
class Split:
    """Wells of a dataset with their roles.

    Attributes
    ----------
    dataset : Dataset
    classes : list of str
        Stimulations in the order of the model's outputs, and ``Faulty`` if it is a class.
    wells : DataFrame, one row per well
        plate, well, stimulation, sha256, role.
    held_out : ndarray of bool, (patches,)
        Patches of training wells that no step trains on, see `SplitConfig.audit`.
    by : str
        Unit that the split keeps together, see `SplitConfig.by`.
    """

    dataset: Dataset
    classes: list[str]
    wells: pd.DataFrame
    held_out: NDArray[np.bool_]
    by: str = "well"

    def rows(self, *roles: str, faulty: bool = False) -> NDArray[np.intp]:
        """Return the rows of patches, (n,), in wells of these roles; faulty ones only on request.

        The role ``same_wells`` means the held-out patches of training wells.

        Raises
        ------
        ConfigError
            If there are none.
        """
        wanted = ["train" if role == SAME_WELLS else role for role in roles]
        rows = self.dataset.rows_of(self.wells[self.wells["role"].isin(wanted)])
        rows = rows[self.held_out[rows] == (SAME_WELLS in roles)]
        rows = rows if faulty else self.dataset.usable(rows)
        if not len(rows):
            raise ConfigError(
                f"all patches in the {' and '.join(roles)} wells of {self.dataset.path} are "
                "faulty; take more wells or another seed"
            )
        return rows

    @property
    def audited(self) -> bool:
        """True if patches of the training wells are held out."""
        return bool(self.held_out.any())

    @property
    def roles(self) -> tuple[str, ...]:
        """Roles that a model is evaluated on, in this order."""
        return (*ROLES, SAME_WELLS) if self.audited else ROLES

    @property
    def gated(self) -> bool:
        """True if wells are set aside for the gate."""
        return bool((self.wells["role"] == GATE).any())

    @property
    def fitted(self) -> tuple[str, ...]:
        """Roles whose wells a model that is refitted with its final settings is trained on."""
        return ("train", "validation", GATE) if self.gated else ("train", "validation")

    @property
    def faulty_class(self) -> bool:
        """True if ``Faulty`` is a class of its own."""
        return FAULTY in self.classes

    def hashes(self, role: str) -> list[str]:
        """Return the fingerprints of the wells of a role."""
        return list(self.wells.loc[self.wells["role"] == role, "sha256"])

    def fingerprints(self) -> dict[str, list[str]]:
        """Return the fingerprints of the wells of each role, for a model's card."""
        return {role: self.hashes(role) for role in (*self.fitted, "test")}

    @property
    def units(self) -> dict[str, str]:
        """Unit of each well, by the well's fingerprint: what the split keeps together."""
        plates = list(self.wells["plate"].astype(str))
        units = unit_names(plates, list(self.wells["well"]), self.by)
        marks = list(self.wells["sha256"])
        return dict(zip(marks, merge_units(list(units), marks).tolist(), strict=True))

    def labels(self, rows: NDArray[np.integer]) -> NDArray[np.intp]:
        """Return the class indices of these patches, (n,)."""
        return class_labels(self.dataset.table.iloc[rows], self.classes)

    def overlap(self, rows: NDArray[np.integer]) -> NDArray[np.float32]:
        """Return the overlaps of these patches, (n,), fractions."""
        return np.asarray(self.dataset.table["overlap"].to_numpy(np.float32)[rows])

    def baselines(self, *roles: str) -> Baselines:
        """Fit the baselines on the usable patches of these roles."""
        rows = self.rows(*roles)
        table = self.dataset.with_counts(rows)
        well = well_index(table)
        overlap = table["overlap"].to_numpy(np.float64) if "overlap" in table else None
        fitted = fit_baselines(overlap, self.labels(rows), well, self.classes)
        # A faulty patch has overlap 0 by definition (DOMAIN.md), and none is among these rows.
        by_class = zip(self.classes, fitted.class_overlap, strict=False)
        labels = self.labels(rows)[np.unique(well, return_index=True)[1]]
        line = None
        if OF_MASKS in table and np.ptp(table[OF_MASKS]) > 0:
            line = tuple(np.polyfit(table[OF_MASKS], table["overlap"], 1).tolist())
        return fitted.changed(
            line=line,
            class_overlap=[0.0 if name == FAULTY else value for name, value in by_class],
            logistic=fit_logistic_rule(well_measures(table), labels),
        )


def split_dataset(
    dataset: Dataset,
    config: SplitConfig,
    classes: list[str] | None = None,
    *,
    faulty_class: bool = False,
    fewest: int = 1,
) -> Split:
    """Split the wells of a dataset.

    Wells without a usable patch are left out, and wells of stimulations that are not classes.

    Parameters
    ----------
    fewest : int
        Smallest number of stimulations; 2 where they are to be distinguished.

    Raises
    ------
    ConfigError
        If the dataset lacks a class, or a stimulation has too few wells.
    """
    wells = dataset.wells
    known = sorted(wells["stimulation"].unique(), key=_order)
    unknown = [name for name in classes or [] if name not in known]
    if unknown:
        raise ConfigError(
            f"classes: {dataset.path} has the stimulations {', '.join(known)} and not "
            f"'{unknown[0]}'; correct the name"
        )
    chosen = classes or known
    if len(chosen) < fewest:
        raise ConfigError(
            f"{fewest} stimulations or more are needed in {dataset.path}, found only "
            f"{', '.join(chosen)}; prepare a plate with others"
        )
    usable = pd.MultiIndex.from_frame(dataset.table.iloc[dataset.usable()][WELL])
    kept = wells["stimulation"].isin(chosen) & pd.MultiIndex.from_frame(wells[WELL]).isin(usable)
    wells = wells[kept].reset_index(drop=True)
    try:
        roles = _roles(wells, config)
    except ValueError as error:
        raise ConfigError(f"{dataset.path}: {error}") from error
    names = [*chosen, FAULTY] if faulty_class else list(chosen)
    held_out = np.zeros(len(dataset.table), bool)
    split = Split(dataset, names, wells.assign(role=roles), held_out, config.by)
    if not config.audit:
        return split
    rows = split.rows("train", faulty=True)
    well = well_index(dataset.table.iloc[rows])
    chosen_rows = rows[hold_out(well, config.audit, np.random.default_rng(config.seed))]
    split.held_out[chosen_rows] = True
    return split


def _roles(wells: pd.DataFrame, config: SplitConfig) -> NDArray[np.str_]:
    names = wells["stimulation"].to_numpy(np.str_)
    units = unit_names(list(wells["plate"].astype(str)), list(wells["well"]), config.by)
    units = merge_units(list(units), list(wells["sha256"]))
    if config.folds is not None:  # nothing is registered, so there is no gate
        return fold_groups(
            list(names),
            list(units),
            validation=config.validation,
            folds=config.folds,
            fold=config.fold or 0,
            seed=config.seed,
        )
    rng = np.random.default_rng(config.seed)
    if config.by == "well":
        _, first, unit = np.unique(units, return_index=True, return_inverse=True)
        order = np.sort(first)  # wells without a copy are split as they always were
        known = split_wells(
            list(names[order]), validation=config.validation, test=config.test, rng=rng
        )
        roles = known[np.searchsorted(order, first)][unit]
    else:
        roles = split_groups(
            list(names),
            list(units),
            validation=config.validation,
            test=config.test,
            seed=config.seed,
        )
    own = np.flatnonzero(roles == "validation")
    roles[own[set_aside(list(names[own]), list(units[own]), rng)]] = GATE
    return roles


def _order(name: str) -> tuple[float, str]:
    # The weakest interaction first, as in every figure: Unstimulated, OVA, ConA.
    known = {"Unstimulated": 0.0, "OVA": 1.0, "ConA": 2.0}
    return known.get(name, 3.0), name
