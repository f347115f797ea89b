"""The hit list repeated under other masks: hits that hold do not depend on how cells were found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ck19ml.config import PrepareConfig
from ck19ml.core.mask_methods import INSTRUMENT, NAMES
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.names import safe_name
from ck19ml.networks.card import Card
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import plate_folders
from ck19ml.plates.folder import Plate, find_plate
from ck19ml.plates.label_images import find_labels
from ck19ml.plates.preparation.prepare import open_prepared, prepare_plates
from ck19ml.plates.preparation.settings import Source
from ck19ml.plates.preparation.tables import KEYS, LABELS
from ck19ml.workflows.prepare import mask_network
from ck19ml.workflows.progress import bar, say
from ck19ml.workflows.screening.tables import measures_in
from ck19ml.workflows.screening.truth import NAMES as CALLED


def masks_asked(given: str, dataset: Dataset) -> list[str]:
    """Split a list of mask methods and folders of label images; those of the dataset are left out.

    Raises
    ------
    ConfigError
        If a name is neither a method nor a folder.
    PlateError
        If the plates that the dataset was made from are not there.
    """
    names = list(dict.fromkeys(name for each in given.split(",") if (name := each.strip())))
    for name in names:
        if name not in NAMES and not Path(name).is_dir():
            raise ConfigError(
                f"'{name}' in --masks is neither a mask method nor a folder of label images; use "
                f"one of {', '.join(NAMES)}, or an existing folder"
            )
    names = [name for name in names if name != dataset.parameters["mask"]]
    if names and not all(plate_folders(dataset)):
        raise PlateError(
            f"the plates that {dataset.path} was made from, {dataset.info['source']}, are not "
            "there; masks are made from their images, so move them back or omit --masks"
        )
    return names


def under_masks(name: str, dataset: Dataset) -> Dataset:
    """Prepare a dataset's plates with other masks, or open what an earlier call has prepared.

    It stands beside the dataset, as ``NAME-MASK.zarr``.

    Raises
    ------
    ConfigError
        If something else stands there.
    PlateError
        If label images do not fit, or the plates' images are no longer those of the dataset.
    """
    target = dataset.path.with_name(f"{dataset.name}-{safe_name(Path(name).name)}.zarr")
    config = _settings(name, dataset)
    plates = [find_plate(folder, strict=False) for folder in plate_folders(dataset) if folder]
    sources = [
        Source(
            plate,
            _layout(plate, dataset),
            None if config.labels is None else find_labels(plate, config.labels),
        )
        for plate in plates
    ]
    with mask_network(config) as network:
        known: dict[str, Any] = {"skip_bad": config.skip_bad, "network": network}
        other = open_prepared(sources, target, config, **known)
        if other is None:
            say(f"preparing {target} to repeat the hit list under the masks {name}")
            with bar(f"preparing {target.name}") as progress:
                other = prepare_plates(sources, target, config, **known, progress=progress, say=say)
    if not other.fields[[*KEYS, "sha256"]].equals(dataset.fields[[*KEYS, "sha256"]]):
        raise PlateError(
            f"the images in {dataset.info['source']} are not those that {dataset.path} was made "
            "from; prepare it again with --overwrite"
        )
    return other


def _settings(name: str, dataset: Dataset) -> PrepareConfig:
    """Return how the dataset was prepared, with other masks."""
    made = dataset.info.get("preparation", {})
    kept = ("illumination", "contact_um", "saturated_limit", "keep_empty")
    settings = {key: made[key] for key in kept if key in made}
    settings |= {"quality": made["thresholds"]} if "thresholds" in made else {}
    return PrepareConfig(
        mask=name if name in NAMES else INSTRUMENT,
        labels=None if name in NAMES else Path(name),
        patch_size=dataset.parameters["patch_size"],
        skip_bad=bool(dataset.info.get("skipped")),
        **settings,
    )


def _layout(plate: Plate, dataset: Dataset) -> pd.DataFrame:
    """Return the layout that a plate was prepared with: the file may be gone."""
    own = dataset.table["plate"].isin({field.plate for field in plate.fields})
    return dataset.table.loc[own, ["well", *LABELS]].drop_duplicates("well", ignore_index=True)


def sees_masks(card: Card) -> bool:
    """Return whether a model's score changes with the masks: it does if it sees measurements.

    A model of masked patches keeps the score under the masks that it was trained on.
    """
    return card.source != "encoder" and not card.masked


def with_holding(hits: pd.DataFrame, others: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Add NAME_holds of each measure: a hit in the same direction under all masks.

    Parameters
    ----------
    hits : DataFrame
        See `hits.hit_table`.
    others : mapping of str to DataFrame
        The same list by the name of other masks.
    """
    for measure in measures_in(hits):
        shared = [_shared(hits, other, measure) for other in others.values()]
        holds = np.logical_and.reduce([hits[f"{measure}_hit"].to_numpy(bool), *shared])
        hits = hits.assign(**{f"{measure}_holds": holds})
    return hits


def _shared(hits: pd.DataFrame, other: pd.DataFrame, measure: str) -> Any:
    """Return which rows are hits in the same direction in another list, (n,), bool."""
    keys = ["plate", "stimulation", "compound", "concentration_um"]
    names = [f"{measure}_hit", f"{measure}_effect"]
    if f"{measure}_hit" not in other:
        return np.zeros(len(hits), bool)
    found = hits[keys].merge(other[[*keys, *names]], how="left", on=keys, validate="one_to_one")
    same = np.sign(found[names[1]]) == np.sign(hits[names[1]].to_numpy())
    return (found[names[0]].eq(True) & same).to_numpy(bool)


def mask_table(hits: pd.DataFrame, others: Mapping[str, pd.DataFrame], own: str) -> pd.DataFrame:
    """Count the hits under each masks.

    Returns
    -------
    DataFrame, one row a mask and measure
        mask, measure, hits, shared (hits of the first list, in the same direction).
    """
    rows = []
    for measure in measures_in(hits):
        called = hits[f"{measure}_hit"].to_numpy(bool)
        rows.append([own, measure, int(called.sum()), int(called.sum())])
        for name, other in others.items():
            found = other.get(f"{measure}_hit", pd.Series(dtype=bool))
            shared = int((called & _shared(hits, other, measure)).sum())
            rows.append([name, measure, int(found.sum()), shared])
    return pd.DataFrame(rows, columns=["mask", "measure", "hits", "shared"])


def mask_lines(hits: pd.DataFrame, masks: Sequence[str], card: Card) -> list[str]:
    """Say which hits hold under all masks, the first of them the dataset's own."""
    each = [
        f"{int(hits[f'{m}_holds'].sum())} of {int(hits[f'{m}_hit'].sum())} by {CALLED[m]}"
        for m in measures_in(hits)
    ]
    lines = [f"hits that hold under the masks {', '.join(masks)}: {', '.join(each)}"]
    if not sees_masks(card):
        known = f"is that of its own masks, {card.mask}" if card.masked else "sees no masks"
        return [*lines, f"the model's score {known}, so all of its hits hold"]
    lost = hits[hits["score_hit"] & ~hits["score_holds"]]
    named = dict.fromkeys(f"{row.compound} ({row.stimulation})" for row in lost.itertuples())
    if named:
        lines.append(f"by the model, but not under all masks: {', '.join([*named][:12])}")
    return lines
