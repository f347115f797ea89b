"""Evidence for answers: cells are removed from wells, and the model is asked again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.special import logsumexp

from ck19ml import plots
from ck19ml.core import mask_methods
from ck19ml.core.contacts import measure_cells
from ck19ml.core.patches import crowded, cut, raise_background, stored_dtype
from ck19ml.core.simulation.occlusion import removals, without
from ck19ml.core.wells import WELL
from ck19ml.errors import ConfigError, PlateError
from ck19ml.networks.card import Card
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.hashes import hash_patches
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import plate_folders
from ck19ml.plates.folder import Field, Plate, find_plate, read_field

LEAST = 1e-30
"""Probabilities below count as this: their logarithm is finite."""

Image = NDArray[np.unsignedinteger]


@dataclass(frozen=True)
class Explanation:
    """Change of a classifier's answers to wells when cells are removed from their images.

    Attributes
    ----------
    table : DataFrame, one row a well and a removal
        plate, well, stimulation, answer, log_odds of the answer (natural logarithm) to the whole
        well, removed, cells (number of them), change of the log-odds.
    pictures : dict of str to ndarray, (1 + removals, side, side, 2), unsigned integers
        By "PLATE WELL" a crowded square of the well's first field: as it is, then without the
        cells of each removal, in the order of the table.
    pixel_size_um : float
    """

    table: pd.DataFrame
    pictures: dict[str, Image]
    pixel_size_um: float

    def __repr__(self) -> str:
        return f"Explanation({', '.join(self.pictures)})"

    def draw(self) -> Figure:
        """Draw the wells with and without these cells, and how the log-odds change."""
        return plots.occlusions(self.table, self.pictures, pixel_size_um=self.pixel_size_um)

    def lines(self) -> list[str]:
        """Say the changes of each well in a line."""
        found = []
        for (_, well), part in self.table.groupby(WELL, sort=False):
            told = ", ".join(f"{row.removed} {row.change:+.2f}" for row in part.itertuples())
            answer, odds = part.iloc[0][["answer", "log_odds"]]
            found.append(f"{well}: log-odds of {answer} {odds:.2f}; change without {told}")
        return found


def explain_wells(
    scorer: Scorer, dataset: Dataset, wells: pd.DataFrame, which: int | Sequence[str]
) -> Explanation:
    """Ask a classifier again about wells from which cells are removed.

    The raw fields are read from the plates, masked as the model does, and painted with background
    where the cells were; everything that the model sees is made anew from these. Masks lose the
    removed cells only, and patches count as faulty as in the whole well.

    Parameters
    ----------
    wells : DataFrame
        Evaluated wells, see `Evaluation.wells`.
    which : int or sequence of str
        Names of wells; or how many, see `surest`.

    Raises
    ------
    PlateError
        If the model has no such answers, or the plates' images are not there or are others.
    ConfigError
        If a well is not among those evaluated.
    """
    _require_explainable(scorer.card, dataset)
    chosen = surest(wells, which) if isinstance(which, int) else _named(wells, which)
    plates = _plates(dataset)
    tables, pictures = [], {}
    for row in chosen.to_dict("records"):
        found, crops = _explain(scorer, _images(dataset, scorer.card, plates, row))
        pictures[f"{row['plate']} {row['well']}"] = crops
        about = {name: row[name] for name in (*WELL, "stimulation")}
        tables.append(found.assign(**about)[[*about, *found.columns]])
    table = pd.concat(tables, ignore_index=True)
    return Explanation(table, pictures, float(dataset.info["pixel_size_um"]))


def surest(wells: pd.DataFrame, number: int) -> pd.DataFrame:
    """Choose wells: the surest right answer of each stimulation in turn, then the next ones."""
    own = [row[f"probability_{row['predicted']}"] for row in wells.to_dict("records")]
    ranked = wells.assign(own=own, wrong=wells["predicted"] != wells["stimulation"])
    ranked = ranked.sort_values(["wrong", "own"], ascending=[True, False], kind="stable")
    turn = ranked.groupby("stimulation", sort=False).cumcount()
    return ranked.assign(turn=turn).sort_values(["wrong", "turn"], kind="stable").head(number)


def _named(wells: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    known = sorted(wells["well"])
    if lacking := [name for name in names if name not in known]:
        raise ConfigError(
            f"--explain: {', '.join(lacking)} is not among the {len(known)} evaluated wells; "
            f"choose of {', '.join(known[:12])}{' ...' if len(known) > 12 else ''}"
        )
    return wells[wells["well"].isin(names)]


def _require_explainable(card: Card, dataset: Dataset) -> None:
    if card.kind != "classifier":
        raise PlateError(
            f"only a classifier's answers are explained, this is a model of kind {card.kind}; "
            "leave --explain out"
        )
    dataset.require_pair("--explain")
    if card.illumination:
        raise PlateError(
            f"{dataset.path}: illumination was corrected, which raw fields are not; leave "
            "--explain out, or train on a dataset prepared without --illumination"
        )


def _plates(dataset: Dataset) -> list[Plate]:
    """Open the plates that a dataset was made from, where they stood or beside the dataset."""
    found = []
    sources = str(dataset.info["source"]).split(", ")
    for source, folder in zip(sources, plate_folders(dataset), strict=True):
        if folder is None:
            raise PlateError(
                f"the images that {dataset.path} was made from are not in {source}; explanations "
                "need them: put the plate back there, or beside the dataset"
            )
        found.append(find_plate(folder, strict=False))
    return found


def _images(dataset: Dataset, card: Card, plates: list[Plate], well: dict[str, Any]) -> list[Image]:
    """Read the raw fields of a well that the dataset holds, and hold them to its hashes."""
    fields, levels = dataset.fields, dataset.panel.levels(dataset.parameters["background"])
    own = fields[(fields["plate"] == well["plate"]) & (fields["well"] == well["well"])]
    files: dict[int, tuple[Plate, Field]] = {
        field.field: (plate, field)
        for plate in plates
        for field in plate.fields
        if (field.plate, field.well) == (well["plate"], well["well"])
    }
    images = []
    for row in own.itertuples():
        if row.field not in files:
            raise PlateError(
                f"field {row.field} of {row.well} is not among the images that {dataset.path} was "
                "made from; put them back, or prepare the plate again"
            )
        plate, field = files[row.field]
        image = read_field(field, plate.description)
        image = image.astype(stored_dtype(card.bit_depth), copy=False)
        raised: Any = raise_background(cut(image, card.patch_size), levels)
        if hash_patches(raised) != row.sha256:
            raise PlateError(
                f"{field.dc}: these are not the pixels that {dataset.path} holds; prepare the "
                "plate again with --overwrite"
            )
        images.append(image)
    return images


def _explain(scorer: Scorer, images: list[Image]) -> tuple[pd.DataFrame, Image]:
    """Return a row a removal, and a square of the first field with and without the cells."""
    card, rng = scorer.card, np.random.default_rng(scorer.card.seed)
    found = [mask_methods.segment(each, scorer.mask_settings, scorer.mask_network)
             for each in images]  # fmt: skip
    steps = [removals(measure_cells(image, each.labels, card.pixel_size_um), rng)
             for image, each in zip(images, found, strict=True)]  # fmt: skip
    masks = [each.masks for each in found]
    square = crowded(np.moveaxis(masks[0], 0, -1), min(card.patch_size, *masks[0].shape[1:]))
    whole, faulty = _log_odds(scorer, images, masks)
    answer = int(whole.argmax())
    rows, crops = [], [images[0][square]]
    for step in zip(*steps, strict=True):
        made, left = [], []
        for image, mask, each, removal in zip(images, masks, found, step, strict=True):
            painted, gone = without(image, each.labels, removal, card.pixel_size_um, rng)
            made.append(painted)
            left.append(mask.copy())
            left[-1][removal.channel] &= ~gone
        odds, _ = _log_odds(scorer, made, left, faulty)
        rows.append({"answer": card.stimulations[answer], "log_odds": whole[answer],
                     "removed": step[0].name, "cells": sum(len(each.labels) for each in step),
                     "change": odds[answer] - whole[answer]})  # fmt: skip
        crops.append(made[0][square])
    return pd.DataFrame(rows), np.stack(crops)


def _log_odds(
    scorer: Scorer,
    images: list[Image],
    masks: list[NDArray[np.bool_]],
    faulty: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the log-odds of each stimulation, (stimulations,), and which patches are faulty."""
    size = scorer.card.patch_size
    seen = [scorer.cut(image, np.asarray(cut(np.moveaxis(mask, 0, -1), size), bool))
            for image, mask in zip(images, masks, strict=True)]  # fmt: skip
    if faulty is None:
        faulty = np.concatenate([scorer.faulty(each) for each in seen])
    outputs = np.concatenate([scorer.outputs(each) for each in seen])[~faulty]
    evidence = _evidence(scorer, outputs)
    others = [logsumexp(np.delete(evidence, index)) for index in range(evidence.size)]
    return evidence - np.array(others), faulty


def _evidence(scorer: Scorer, outputs: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the logarithm of a well's answers, (stimulations,), up to a constant."""
    well = np.zeros(len(outputs), np.intp)
    if not scorer.card.closed_form:
        return np.asarray(np.log(np.maximum(scorer.combined(outputs, well)[0], LEAST)))
    return np.asarray(scorer.evidence(outputs, well)[0])
