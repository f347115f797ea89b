"""Analysis of a screen: from its wells to all its findings."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core.scores.intervals import Score
from ck19ml.core.screening.replicates import CONDITION, replicate_precision
from ck19ml.errors import PlateError
from ck19ml.files.names import safe_name
from ck19ml.networks.card import Card
from ck19ml.networks.scorer import Progress, Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.screening.hits import hit_table, hits_without_vehicle_rows, vehicle_spread
from ck19ml.workflows.screening.other_masks import mask_table, sees_masks, with_holding
from ck19ml.workflows.screening.score import ScoreMeaning, logistic_scores, patch_scores
from ck19ml.workflows.screening.tables import (
    VEHICLE,
    control_table,
    dose_table,
    measures_in,
    position_table,
    well_table,
    with_residuals,
)
from ck19ml.workflows.screening.truth import Judgement, Truth, find_truth, judge_doses, judge_hits


@dataclass(frozen=True)
class Screen:
    """Findings of a screen.

    Attributes
    ----------
    wells, hits, controls, doses, position : DataFrame
        See `workflows.screening.tables`.
    meaning : ScoreMeaning
    fdr, least_ssmd : float
        Of a hit: its largest false discovery rate and its smallest absolute SSMD.
    vehicle : dict
        Plate to the ratio of the variance of the score among vehicle wells to that among
        replicates, and the F test's p-value.
    without : dict
        Rows of vehicle wells, as in ``P``, to the number of hits by the score without them.
    truth : Truth or None
        Of simulated plates.
    judged : list of Judgement
    masks : DataFrame
        Where the list was repeated under other masks: see `other_masks.mask_table`.
    replicates : DataFrame
        See `core.screening.replicates.replicate_precision`; of the score, where copairs is
        installed.
    """

    wells: pd.DataFrame
    hits: pd.DataFrame
    controls: pd.DataFrame
    doses: pd.DataFrame
    position: pd.DataFrame
    meaning: ScoreMeaning
    fdr: float
    least_ssmd: float
    vehicle: dict[str, tuple[float, float]]
    without: dict[str, int]
    truth: Truth | None
    judged: list[Judgement]
    masks: pd.DataFrame = field(default_factory=pd.DataFrame)
    replicates: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        hits = self.hits["score_hit"].sum() if len(self.hits) else 0
        return (
            f"Screen({len(self.wells)} wells, {self.meaning.target} against "
            f"{self.meaning.reference}, {hits} of {len(self.hits)} conditions are hits)"
        )

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """The tables that are not empty, by the name of their file."""
        named = {"hits": self.hits, "wells": self.wells, "controls": self.controls}
        named |= {"doses": self.doses, "position": self.position, "masks": self.masks}
        return {name: table for name, table in named.items() if len(table)}


def screen_dataset(
    scorer: Scorer,
    dataset: Dataset,
    meaning: ScoreMeaning,
    fdr: float,
    least_ssmd: float,
    progress: Progress | None = None,
    others: Mapping[str, Dataset] | None = None,
) -> Screen:
    """Score all wells of a dataset and analyse them.

    Parameters
    ----------
    others : mapping of str to Dataset, optional
        The same patches with other masks, by their name, under which the hit list is repeated.

    Raises
    ------
    PlateError
        If all patches are faulty, or they are not like the model's.
    """
    if dataset.table["faulty"].all():
        raise PlateError(f"all patches in {dataset.path} are faulty; prepare other wells")
    scores = patch_scores(scorer, dataset, meaning, progress)
    wells = _wells(scorer.card, dataset, meaning, scores)
    screen = analyse(wells, meaning, fdr, least_ssmd, find_truth(dataset), scorer.card.seed)
    if not others or screen.hits.empty:
        return screen
    lists = {}
    for name, other in others.items():
        if sees_masks(scorer.card):
            scores = patch_scores(scorer, other, meaning, progress)
        wells = _wells(scorer.card, other, meaning, scores)
        lists[name] = hit_table(wells, fdr, meaning.reference, least_ssmd)
    masks = mask_table(screen.hits, lists, dataset.parameters["mask"])
    return replace(screen, hits=with_holding(screen.hits, lists), masks=masks)


def _wells(
    card: Card, dataset: Dataset, meaning: ScoreMeaning, scores: NDArray[np.float64]
) -> pd.DataFrame:
    every = dataset.with_counts(np.arange(len(dataset.table)))
    wells = well_table(every, scores, logistic_scores(card, every, meaning))
    wells.insert(7, "seen", dataset.seen(wells, card.seen))
    return wells


def analyse(
    wells: pd.DataFrame,
    meaning: ScoreMeaning,
    fdr: float,
    least_ssmd: float,
    truth: Truth | None,
    seed: int,
) -> Screen:
    """Go from wells to controls, compounds, dose curves and position effects."""
    wells = with_residuals(wells)
    hits = hit_table(wells, fdr, meaning.reference, least_ssmd)
    vehicle = (wells["kind"] == VEHICLE).to_numpy(bool)
    score = wells[["score"]].to_numpy(np.float64)
    replicates = replicate_precision(wells, vehicle, score, "euclidean")
    if len(hits) and len(replicates):
        named = replicates[[*CONDITION, "map"]].rename(columns={"map": "replicate_map"})
        hits = hits.merge(named, "left", CONDITION)
    doses = dose_table(wells)
    judged = []
    if truth is not None:
        hits = hits.assign(known_inhibitor=truth.inhibits(hits)) if len(hits) else hits
        doses = doses.assign(true_ic50_um=truth.ic50_um(doses)) if len(doses) else doses
        judged = [
            judge_hits(hits, truth, meaning.reference, seed) if len(hits) else Judgement(),
            judge_doses(doses, truth, meaning.reference, seed),
        ]
    return Screen(
        wells=wells,
        hits=hits,
        controls=control_table(wells, meaning.reference, np.random.default_rng(seed)),
        doses=doses,
        position=position_table(wells, hits, np.random.default_rng(seed)),
        meaning=meaning,
        fdr=fdr,
        least_ssmd=least_ssmd,
        vehicle={str(p): vehicle_spread(own, "score") for p, own in wells.groupby("plate")},
        without=hits_without_vehicle_rows(wells, fdr, meaning.reference, least_ssmd),
        truth=truth,
        judged=judged,
        replicates=replicates,
    )


def screen_metrics(screen: Screen) -> dict[str, float]:
    """Return all key figures as metrics; values that are not numbers are left out."""
    found: dict[str, float] = {
        "wells": float(len(screen.wells)),
        "seen_wells": float(screen.wells["seen"].sum()),
    }
    several = screen.wells["plate"].unique().size > 1
    for row in screen.controls.to_dict(orient="records"):
        plate = f"_{row['plate']}" if several else ""
        for name in ("z_prime", "ssmd"):
            key = f"{name}_{row['stimulation']}{plate}_{row['measure']}"
            found |= {f"{key}{end}": float(row[f"{name}{end}"]) for end in ("", "_low", "_high")}
    for measure in measures_in(screen.wells) if len(screen.hits) else ():
        found[f"hits_{measure}"] = float(screen.hits[f"{measure}_hit"].sum())
    if len(screen.hits):
        found["hits_clean"] = float((screen.hits["score_hit"] & ~screen.hits["toxic"]).sum())
    for name, own in screen.replicates.groupby("stimulation") if len(screen.replicates) else ():
        found[f"replicate_map_{name}"] = float(own["map"].mean())
    scores: dict[str, Score] = {}
    for judgement in screen.judged:
        scores |= judgement.scores
    for name, score in scores.items():
        found |= score.flat(name)
    return {f"screen/{safe_name(key)}": value for key, value in found.items() if np.isfinite(value)}
