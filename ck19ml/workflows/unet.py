"""Train a mask network on simulated wells or annotated images, and choose the champion."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml import __version__, plots
from ck19ml.config import UnetConfig
from ck19ml.core.mask_methods import PlaneMethod
from ck19ml.core.measurements.panel import CELLS
from ck19ml.core.normalisation import DIAMETER_PX, standardise
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.mask_quality import score_masks
from ck19ml.core.scores.metrics import mean_score
from ck19ml.core.simulation.mask_examples import Examples, examples
from ck19ml.core.simulation.mask_fields import ROLES, TRUTH, MaskField, simulated_field
from ck19ml.core.splits import GATE, GATE_UNITS
from ck19ml.errors import ConfigError
from ck19ml.networks import unet
from ck19ml.networks.architectures import Network
from ck19ml.networks.mask_model import MaskCard, MaskNetwork
from ck19ml.networks.training import Fit, fit, seed_everything
from ck19ml.plates.annotations import annotated_fields
from ck19ml.tracking import registry, runs
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.figures import learning_figure, publish
from ck19ml.workflows.steps.finish import log_fit
from ck19ml.workflows.steps.gate import Losses, Measure, decide

NAME = "ck19-unet"

ANNOTATIONS = "annotations"
"""Target of a network that was trained on annotated images."""

SHOWN, SHOWN_SIDE = 6, 192
"""Fields in the figure of masks, and the side in pixels of what it shows of each."""

Parts = dict[str, list[MaskField]]


def unet_command(config: UnetConfig) -> Outcome:
    """Train a mask network in a tracked run and register it."""
    if config.out is not None and config.out.exists():
        raise ConfigError(f"out: {config.out} already exists; give a new folder")
    learnt = ANNOTATIONS if config.annotations else config.target
    name = f"unet {config.architecture}, {learnt}"
    with runs.start(name, "unet", config.model_dump(mode="json")) as run:
        start = _fetched(config.start) if config.start else None
        parts = fields_of(config)
        network, result = _train(config, parts, start)
        log_fit(run, result, config.fit.epochs)
        card = _card(config, parts, network)
        table = field_scores(MaskNetwork(network, card), parts["validation"])
        scores = summary(table, config.seed)
        rounded = {key: round(score.value, 4) for key, score in scores.items()}
        masks = MaskNetwork(network, card.changed(scores=rounded))
        if config.out is not None:
            masks.save(config.out)
        version = _register(run, masks, scores, len(table))
        run.table("validation_fields", table)
        run.metrics({f"validation/{key}": value for key, value in _flat(scores).items()})
        publish(learning_figure(result), run, None)
        run.figure("masks", _figure(masks, parts["validation"]))
        gate = parts[GATE]
        units = {field.sha256: field.unit for field in gate}
        decision = decide(version, "unet", losses(masks, gate), measure(gate), units=units)
        sentence = f"{version.name} version {version.number}: {decision.reason}"
        lines = [*_lines(config, scores, len(table)), *_before(start, parts, config), sentence]
        run.describe("\n".join(lines))
        run.tags({"ck19ml.promoted": str(decision.promoted).lower()})
    lines.append(f"registered as {version.uri}, run {run.id}")
    data = {"run": run.id, "model": version.uri, "promoted": decision.promoted, **_flat(scores)}
    return Outcome(lines, data)


def fields_of(config: UnetConfig) -> Parts:
    """Return the fields of each role."""
    if config.annotations is not None:
        return annotated_fields(config.annotations, config.seed)
    return {role: simulated_fields(config, role) for role in ROLES}


def simulated_fields(config: UnetConfig, role: str) -> list[MaskField]:
    """Simulate the wells of a role.

    Validation wells vary like training wells, because the network must do well under all
    conditions.
    """
    count = config.wells if role == "train" else config.validation_wells
    return [
        simulated_field(
            role,
            index,
            seed=config.seed,
            size=config.size,
            conditions=config.conditions,
            target=config.target,
        )
        for index in range(max(count, GATE_UNITS) if role == GATE else count)
    ]


def _fetched(uri: str) -> MaskNetwork:
    with tempfile.TemporaryDirectory() as place:
        return registry.fetch_masks(uri, Path(place)).loaded


def _train(config: UnetConfig, parts: Parts, start: MaskNetwork | None) -> tuple[Network, Fit]:
    seed_everything(config.seed)
    network = unet.build_unet(config.architecture, filters=config.filters)
    if start is not None:
        _take_over(network, start, config)
    rng = np.random.default_rng(config.seed)
    train, validation = (_examples(parts[role], config.crop) for role in ("train", "validation"))
    batches = unet.Batches(train, config.fit.batch_size, variation=config.variation, rng=rng)
    batches.at_least(config.fit.least_steps)
    with bar("unet") as progress:
        result = fit(
            network,
            batches,
            unet.Batches(validation, config.fit.batch_size),
            config.fit,
            loss=unet.bce_dice,
            report=lambda epoch, _: progress(epoch, config.fit.epochs),
        )
    # Without optimiser and loss, so that the file loads without this package.
    bare = unet.build_unet(config.architecture, filters=config.filters)
    bare.set_weights(network.get_weights())
    return bare, result


def _take_over(network: Network, start: MaskNetwork, config: UnetConfig) -> None:
    try:
        network.set_weights(start.network.get_weights())
    except ValueError as error:
        raise ConfigError(
            f"start: {config.start} has other layers than architecture {config.architecture} with "
            f"{config.filters} filters; give those that it was trained with"
        ) from error


def _examples(part: list[MaskField], side: int) -> Examples:
    each = [examples(field.image, field.masks, field.diameters_px, side) for field in part]
    return Examples(
        np.concatenate([one.planes for one in each]), np.concatenate([one.masks for one in each])
    )


def _card(config: UnetConfig, parts: Parts, network: Network) -> MaskCard:
    if config.annotations is not None:
        what = f"{len(parts['train'])} annotated images"
    else:
        what = (
            f"{len(parts['train'])} simulated wells, cells {config.conditions.diameter[0]:g} to "
            f"{config.conditions.diameter[1]:g} times as wide as those of CK19"
        )
    return MaskCard(
        architecture=config.architecture,
        target=ANNOTATIONS if config.annotations else config.target,
        trained_on=what + (f", from {config.start}" if config.start else ""),
        wells={role: [field.sha256 for field in part] for role, part in parts.items()},
        seed=config.seed,
        software=f"ck19ml {__version__}",
        thresholds=thresholds(network, parts["validation"]),
    )


def thresholds(network: Network, part: list[MaskField]) -> dict[str, float]:
    """Choose the threshold of each kind of cell, on fields that show both; none on others."""
    if any(len(field.image) != len(CELLS) for field in part):
        return {}
    return {
        name: unet.best_threshold(
            network,
            [field.image[channel] for field in part],
            [field.masks[channel] for field in part],
            [field.diameters_px[channel] for field in part],
        )
        for channel, name in enumerate(CELLS)
    }


def field_scores(masks: PlaneMethod, part: list[MaskField]) -> pd.DataFrame:
    """Score masks against the targets.

    Returns
    -------
    DataFrame, one row per field
        field, name, sha256, and iou and dice, the means over the field's channels.
    """
    rows = []
    for number, field in enumerate(part):
        found = _each_channel(masks, field)
        score = score_masks(np.moveaxis(found, 0, -1)[None], np.moveaxis(field.masks, 0, -1)[None])
        row = {"field": number, "name": field.name, "sha256": field.sha256}
        rows.append(row | {"iou": float(score.iou.mean()), "dice": float(score.dice.mean())})
    return pd.DataFrame(rows, columns=["field", "name", "sha256", "iou", "dice"])


def _each_channel(masks: PlaneMethod, field: MaskField) -> NDArray[np.bool_]:
    """Mask a field; which kind of cells a field of one channel shows is not known."""
    channels = CELLS if len(field.image) == len(CELLS) else [None]
    each = zip(field.image, field.diameters_px, channels, strict=True)
    return np.stack([masks(plane, diameter, channel) for plane, diameter, channel in each])


def summary(table: pd.DataFrame, seed: int) -> dict[str, Score]:
    """Average the scores of `field_scores` over fields, with intervals."""
    rng = np.random.default_rng(seed)
    one = np.ones(len(table), dtype=np.intp)
    return {key: mean_score(table[key].to_numpy(np.float64), one, rng) for key in ("iou", "dice")}


def _flat(scores: dict[str, Score]) -> dict[str, float]:
    return {key: value for name, score in scores.items() for key, value in score.flat(name).items()}


def _lines(config: UnetConfig, scores: dict[str, Score], number: int) -> list[str]:
    what = "annotated" if config.annotations else "simulated"
    against = "true masks" if config.target == TRUTH else f"masks of {config.target}"
    return [
        f"unet {config.architecture} on {number} {what} validation fields, against their "
        f"{'labels' if config.annotations else against}, with 95 % intervals over fields:",
        f"- mask IoU {scores['iou']}, Dice {scores['dice']}",
    ]


def _before(start: MaskNetwork | None, parts: Parts, config: UnetConfig) -> list[str]:
    """Say how the network that the training began with does on the same fields."""
    if start is None:
        return []
    fresh = [field for field in parts["validation"] if field.sha256 not in start.card.seen]
    if not fresh:
        return []
    score = summary(field_scores(start, fresh), config.seed)["iou"]
    return [f"- {config.start}, before this training: {score}"]


def _register(run: Run, masks: MaskNetwork, scores: dict[str, Score], number: int) -> Version:
    # Annotations are true masks, too: what was trained on them is compared on them.
    target = TRUTH if masks.card.target == ANNOTATIONS else masks.card.target
    tags = {"architecture": masks.card.architecture, "target": target}
    text = f"Masks of stained cells; mask IoU {scores['iou']} on {number} validation fields."
    return registry.log_model(run, masks, NAME, tags, text)


def losses(masks: PlaneMethod, part: list[MaskField]) -> dict[str, float]:
    """1 - mask IoU of each field, by the fingerprint of its pixels."""
    table = field_scores(masks, part)
    return dict(zip(table["sha256"], (1 - table["iou"]).tolist(), strict=True))


def measure(part: list[MaskField]) -> Measure:
    """Measure a champion on those fields of the gate that neither trained nor chose it."""

    def measured(champion: Version, wells: Sequence[str]) -> tuple[Losses, str]:
        other = _fetched(champion.uri)
        fresh = [f for f in part if f.sha256 in set(wells) - other.card.seen]
        return losses(other, fresh), "it has seen every well of the gate"

    return measured


def _figure(masks: MaskNetwork, part: list[MaskField]) -> Figure:
    """Draw parts of fields from across the validation fields with their masks."""
    chosen = np.linspace(0, len(part) - 1, min(SHOWN, len(part))).astype(int)
    pictures: list[NDArray[np.float32]] = []
    found: list[NDArray[np.bool_]] = []
    for field in (part[index] for index in chosen):
        side = min(SHOWN_SIDE, *field.image.shape[1:])
        rim = [(0, SHOWN_SIDE - side), (0, SHOWN_SIDE - side), (0, 0)]
        shown = [np.clip(standardise(plane, DIAMETER_PX), 0, 1) for plane in field.image]
        pictures.append(np.pad(np.stack([shown[0], shown[-1]], -1)[:side, :side], rim))
        cells = _each_channel(masks, field)
        found.append(np.pad(np.stack([cells[0], cells[-1]], -1)[:side, :side], rim))
    return plots.mask_gallery(
        np.stack(pictures), np.stack(found), [part[index].name for index in chosen]
    )
