"""Train a mask network on simulated wells, register it, and choose the champion."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml import __version__, plots
from ck19ml.config import UnetConfig
from ck19ml.core import mask_methods
from ck19ml.core.patches import PATCH_SIZE, raise_background, rescale
from ck19ml.core.scores.intervals import Score
from ck19ml.core.scores.mask_quality import score_masks
from ck19ml.core.scores.metrics import mean_score
from ck19ml.core.simulation.mask_examples import MaskWell, crops, simulate_well
from ck19ml.core.splits import GATE, GATE_UNITS
from ck19ml.networks import unet
from ck19ml.networks.mask_model import MaskCard, MaskNetwork
from ck19ml.networks.training import Fit, fit, seed_everything
from ck19ml.tracking import registry, runs
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.figures import learning_figure, publish
from ck19ml.workflows.steps.finish import log_fit
from ck19ml.workflows.steps.gate import Losses, Measure, decide

NAME = "ck19-unet"
BIT_DEPTH = 12
"""Bit depth of the simulator's camera."""

ROLES = {"train": 1, "validation": 2, GATE: 3}
"""Part of each well's seed, so that the roles have different wells."""

EXAMPLES = 6


@dataclass(frozen=True)
class Wells:
    """Wells of one role with their targets, (n, 192, 192, 2), bool, one array per well."""

    wells: list[MaskWell]
    targets: list[NDArray[np.bool_]]

    @property
    def fingerprints(self) -> list[str]:
        """Fingerprints of the wells' pixels."""
        return [well.sha256 for well in self.wells]


def unet_command(config: UnetConfig) -> Outcome:
    """Train a mask network in a tracked run and register it."""
    name = f"unet {config.architecture}, {config.target}"
    with runs.start(name, "unet", config.model_dump(mode="json")) as run:
        parts = {role: simulate_wells(config, role) for role in ROLES}
        masks, result = _train(config, parts)
        log_fit(run, result, config.fit.epochs)
        table = well_scores(masks, parts["validation"], config.background)
        scores = summary(table, config.seed)
        version = _register(run, masks, scores, table)
        run.table("validation_wells", table)
        run.metrics({f"validation/{key}": value for key, value in _flat(scores).items()})
        publish(learning_figure(result), run, None)
        run.figure("masks", _figure(masks, parts["validation"], config))
        losses = _losses(masks, parts[GATE], config.background)
        decision = decide(version, "unet", losses, _measure(parts[GATE], config.background))
        sentence = f"{version.name} version {version.number}: {decision.reason}"
        lines = [*_lines(config, scores), sentence]
        run.describe("\n".join(lines))
        run.tags({"ck19ml.promoted": str(decision.promoted).lower()})
    lines.append(f"registered as {version.uri}, run {run.id}")
    data = {"run": run.id, "model": version.uri, "promoted": decision.promoted, **_flat(scores)}
    return Outcome(lines, data)


def simulate_wells(config: UnetConfig, role: str) -> Wells:
    """Simulate the wells of a role and mask them by the target's method.

    Validation wells vary like training wells, because the network that they select must do well
    under all conditions.
    """
    count = config.wells if role == "train" else config.validation_wells
    count = max(count, GATE_UNITS) if role == GATE else count
    wells = []
    for index in range(count):
        rng = np.random.default_rng([config.seed, ROLES[role], index])
        degradation, parameters = config.conditions.draw(rng)
        wells.append(simulate_well(index, config.size, rng, degradation, parameters))
    return Wells(wells, [_target(well, config) for well in wells])


def _target(well: MaskWell, config: UnetConfig) -> NDArray[np.bool_]:
    if config.target == "truth":
        return well.masks
    raised = np.asarray(raise_background(well.patches, config.background))
    return mask_methods.method(config.target)(raised, config.background)


def _train(config: UnetConfig, parts: dict[str, Wells]) -> tuple[MaskNetwork, Fit]:
    seed_everything(config.seed)
    network = unet.build_unet(config.architecture, filters=config.filters)
    rng = np.random.default_rng(config.seed)
    batches = {
        role: unet.Examples(
            *crops(
                np.concatenate([well.patches for well in part.wells]),
                np.concatenate(part.targets),
                config.crop,
            ),
            config.fit.batch_size,
            background=config.background,
            variation=config.variation if role == "train" else None,
            rng=rng if role == "train" else None,
        )
        for role, part in parts.items()
    }
    with bar("unet") as progress:
        result = fit(
            network,
            batches["train"],
            batches["validation"],
            config.fit,
            loss=unet.bce_dice,
            report=lambda epoch, _: progress(epoch, config.fit.epochs),
        )
    card = MaskCard(
        architecture=config.architecture,
        target=config.target,
        patch_size=PATCH_SIZE,
        background=config.background,
        bit_depth=BIT_DEPTH,
        wells={role: part.fingerprints for role, part in parts.items()},
        seed=config.seed,
        software=f"ck19ml {__version__}",
    )
    # Without optimiser and loss, so that the file loads without this package.
    bare = unet.build_unet(config.architecture, filters=config.filters)
    bare.set_weights(network.get_weights())
    return MaskNetwork(bare, card), result


def well_scores(masks: mask_methods.Method, part: Wells, background: int) -> pd.DataFrame:
    """Score masks against the targets.

    Returns
    -------
    DataFrame, one row per well
        well, stimulation, sha256, and the means over the well's patches: iou, iou_dc, iou_tcell,
        dice, dice_dc and dice_tcell.
    """
    rows = []
    for number, (well, target) in enumerate(zip(part.wells, part.targets, strict=True)):
        raised = np.asarray(raise_background(well.patches, background))
        score = score_masks(masks(raised, background), target)
        row = {"well": number, "stimulation": well.stimulation, "sha256": well.sha256}
        for key, values in (("iou", score.iou), ("dice", score.dice)):
            dc, tcell = values.mean(axis=0).tolist()
            row |= {key: (dc + tcell) / 2, f"{key}_dc": dc, f"{key}_tcell": tcell}
        rows.append(row)
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame, seed: int) -> dict[str, Score]:
    """Average the scores of `well_scores` over wells, with intervals."""
    rng = np.random.default_rng(seed)
    scores = {}
    for key in ("iou", "iou_dc", "iou_tcell", "dice"):
        values = table[key].to_numpy(np.float64)
        scores[key] = mean_score(values, np.ones(len(values), dtype=np.intp), rng)
    return scores


def _flat(scores: dict[str, Score]) -> dict[str, float]:
    return {key: value for name, score in scores.items() for key, value in score.flat(name).items()}


def _lines(config: UnetConfig, scores: dict[str, Score]) -> list[str]:
    against = "their true masks" if config.target == "truth" else f"the masks of {config.target}"
    return [
        f"unet {config.architecture} on {config.validation_wells} simulated validation wells, "
        f"against {against}, with 95 % intervals over wells:",
        f"- mask IoU: {scores['iou']} (DC {scores['iou_dc']}, T cell {scores['iou_tcell']})",
        f"- Dice: {scores['dice']}",
    ]


def _register(
    run: Run, masks: MaskNetwork, scores: dict[str, Score], table: pd.DataFrame
) -> Version:
    known = masks.card.changed(scores={key: score.value for key, score in scores.items()})
    tags = {"architecture": masks.card.architecture, "target": masks.card.target}
    text = f"Masks of stained cells; mask IoU {scores['iou']} on {len(table)} simulated wells."
    return registry.log_model(run, MaskNetwork(masks.network, known), NAME, tags, text)


def _losses(masks: mask_methods.Method, part: Wells, background: int) -> dict[str, float]:
    """1 - mask IoU of each well, by the fingerprint of its pixels."""
    table = well_scores(masks, part, background)
    return dict(zip(table["sha256"], (1 - table["iou"]).tolist(), strict=True))


def _measure(part: Wells, background: int) -> Measure:
    """Measure a champion on those wells of the gate that neither trained nor chose it."""

    def measure(champion: Version, wells: Sequence[str]) -> tuple[Losses, str]:
        with tempfile.TemporaryDirectory() as place:
            other = registry.fetch_masks(champion.uri, Path(place)).loaded
        losses = _losses(other, part, background)
        fresh = set(wells) - other.card.seen
        return {w: loss for w, loss in losses.items() if w in fresh}, (
            "it has seen every well of the gate"
        )

    return measure


def _figure(masks: MaskNetwork, part: Wells, config: UnetConfig) -> Figure:
    """Draw patches from across the validation wells with their masks."""
    chosen = np.linspace(0, len(part.wells) - 1, min(EXAMPLES, len(part.wells))).astype(int)
    patches = np.stack([part.wells[index].patches[0] for index in chosen])
    raised = np.asarray(raise_background(patches, config.background))
    return plots.mask_gallery(
        rescale(raised),
        masks(raised, config.background),
        [part.wells[index].stimulation for index in chosen],
    )
