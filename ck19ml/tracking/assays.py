"""Champions of several assays in one store, each found by what it was made for.

The first assay's models are registered by their plain name, such as ``ck19-classifier``. A model
made for other classes, patches or pixels is no rival of these: it is registered by a name of its
own, ``ck19-classifier-`` and six digits of what it was made for. Its version's tags say what.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from ck19ml.core.measurements.panel import PAIR, Panel
from ck19ml.files.fingerprint import fingerprint
from ck19ml.networks.card import Card
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking.registry import CHAMPION, Version, champion, champions
from ck19ml.tracking.server import client

Assay = Mapping[str, str]
"""Purpose of a model, as the tags of its version."""

CHANNELS = "channels"

LONGEST_TAG = 4000
"""MLflow's SQL store holds 5,000 characters."""


def pixels_of(bit_depth: int, pixel_size_um: float | None) -> dict[str, str]:
    """Return the tags of a camera; the pixel's size to two digits, as instruments round it."""
    size = {} if pixel_size_um is None else {"pixel_size_um": f"{pixel_size_um:.2g}"}
    return {"bit_depth": str(bit_depth), **size}


def classes_of(names: Iterable[Any]) -> dict[str, str]:
    """Return the tag of classes, in any order; too long a list is replaced by its fingerprint."""
    classes = sorted({str(name) for name in names})
    text = json.dumps(classes)
    return {"classes": text if len(text) <= LONGEST_TAG else json.dumps([fingerprint(classes)])}


def channels_of(panel: Panel) -> dict[str, str]:
    """Return the tag of channels; DCs and T cells, as in the study, have none."""
    return {} if panel == PAIR else {CHANNELS: ", ".join(panel.names)}


def dataset_assay(dataset: Dataset) -> dict[str, str]:
    """Return what a model must be made for to suit a dataset."""
    known = dataset.parameters
    return {
        **classes_of(dataset.table["stimulation"].unique()),
        "patch_size": str(known["patch_size"]),
        **pixels_of(known["bit_depth"], dataset.info.get("pixel_size_um")),
        **channels_of(dataset.panel),
    }


def model_assay(card: Card, dataset: Dataset) -> dict[str, str]:
    """Return what a model that was trained on a dataset is made for.

    The losses of an autoencoder and of a regressor do not compare between whole and masked images.
    """
    assay = dataset_assay(dataset) | classes_of(card.classes)
    if card.kind != "classifier":
        assay["masked"] = str(card.masked).lower()
    return assay


def told(assay: Assay) -> str:
    """Return an assay in words."""
    masked = {"true": "masked images", "false": "whole images"}
    parts = {
        "classes": f"the classes {', '.join(json.loads(assay.get('classes', '[]')))}",
        "patch_size": f"patches of {assay.get('patch_size')} pixels",
        "bit_depth": f"{assay.get('bit_depth')} bits",
        CHANNELS: f"the channels {assay.get(CHANNELS)}",
        "pixel_size_um": f"pixels of about {assay.get('pixel_size_um')} um",
        "masked": masked.get(assay.get("masked", ""), ""),
        "target": assay.get("target", ""),
    }
    return ", ".join(part for key, part in parts.items() if key in assay)


def name_for(name: str, assay: Assay) -> str:
    """Return the registered model for versions made for an assay."""
    first = champion(name)
    # Versions of before 0.3.0 have but some of the tags, and are compared as before.
    if first is None or (
        first.tags.get(CHANNELS) == assay.get(CHANNELS)
        and all(first.tags.get(key, value) == value for key, value in assay.items())
    ):
        return name
    return f"{name}-{fingerprint(dict(assay))[:6]}"


def best_champion(uri: str, assay: Assay) -> Version | None:
    """Return the champion that suits an assay better than the one that a URI names, if any does.

    Only ``models:/NAME@champion`` leaves the choice; any other URI names one version.
    """
    asked = re.fullmatch(rf"models:/([\w.-]+)@{CHAMPION}", uri)
    if asked is None:
        return None
    client()
    found = champions(asked[1])
    best = max(found, key=lambda each: _agreement(each.tags, assay), default=None)
    return None if best is None or best.name == asked[1] else best


def _agreement(tags: Assay, wanted: Assay) -> int:
    """Count the tags in which a version agrees; more classes than are wanted count half."""
    if tags.get(CHANNELS) != wanted.get(CHANNELS):
        return -1
    points = 0
    for key, value in wanted.items():
        if tags.get(key) == value:
            points += 2
        elif key == "classes" and key in tags:
            points += set(json.loads(value)) <= set(json.loads(tags[key]))
    return points
