"""Compare the same networks on whole and on masked images of the same wells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml import plots
from ck19ml.config import MaskingConfig
from ck19ml.core.scores.intervals import interval
from ck19ml.core.scores.metrics import by_well, r2
from ck19ml.networks.batches import AnyPatches, Patches, load_patches
from ck19ml.networks.card import Kind
from ck19ml.networks.evaluation import evaluate
from ck19ml.networks.heads import Part, train_classifier, train_regressor
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.networks.settings import AutoencoderSettings
from ck19ml.networks.training import PREDICT_BATCH
from ck19ml.plates.dataset.store import Dataset
from ck19ml.plates.dataset.truth import OF_MASKS
from ck19ml.tracking import registry, runs
from ck19ml.workflows.autoencoder import autoencoder_step
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.prepare import find_plates, prepare_step, prepared
from ck19ml.workflows.steps.finish import card
from ck19ml.workflows.steps.fit import fit_with_bar
from ck19ml.workflows.steps.split import Split, split_dataset

Wells = NDArray[np.intp]
Statistic = Callable[[Wells], float]
"""Takes indices of wells as they were drawn, and returns the score of these wells."""

ARMS = ("normal", "masked")

LOWER_IS_BETTER = {
    "BCE of its own target": None,  # the targets differ, so that neither is better
    "BCE within the masks": True,
    "patch accuracy": False,
    "well accuracy": False,
    "overlap RMSE": True,
    "overlap R2": False,
}
"""The measures of `compare`, in the order of the figure."""


def masking_command(config: MaskingConfig) -> Outcome:
    """Train both arms and compare them on the test wells, in one tracked run."""
    plates = find_plates(config)
    dataset = prepared(plates, config.dataset, config.prepare)
    with runs.start("masking", "masking", config.model_dump(mode="json")) as run:
        if dataset is None:
            dataset = prepare_step(plates, config.dataset, config.prepare)
        split = split_dataset(dataset, config.split, fewest=2)
        run.dataset(dataset)
        arms = {name: train_arm(config, split, masked=name == "masked") for name in ARMS}
        wells = len(next(iter(arms.values())).labels)
        table = compare(arms["normal"], arms["masked"], config.seed)
        run.table("masking", table)
        run.table("wells", split.wells)
        run.metrics(_metrics(table))
        run.figure("masking", plots.masking_effect(table))
        lines = _lines(table, wells, dataset)
        run.describe("\n".join(lines))
    return Outcome([*lines, f"run {run.id}"], {"run": run.id, **_metrics(table)})


@dataclass(frozen=True)
class Arm:
    """Scores of one arm on the test wells.

    Attributes
    ----------
    statistics : dict of str to Statistic
        One for each measure of `LOWER_IS_BETTER`.
    labels : ndarray, (wells,)
        Names of the wells whose indices the statistics take.
    """

    statistics: dict[str, Statistic]
    labels: NDArray[np.str_]


def train_arm(config: MaskingConfig, split: Split, *, masked: bool) -> Arm:
    """Train autoencoder, classifier and regressor of an arm, and score them on the test wells."""
    settings = AutoencoderSettings(masked=masked, **dict(config.autoencoder))
    step, _ = autoencoder_step(settings, split, config.seed)
    autoencoder = registry.load_model(registry.model_uri(step))
    dataset, name = split.dataset, ARMS[masked]
    rows = {role: split.rows(role) for role in ("train", "validation", "test")}
    parts = {
        r: load_patches(split.dataset, rows[r], masked=masked) for r in ("train", "validation")
    }
    encoder = autoencoder.encoder
    classifier, regressor = _head_networks(config, split, encoder, parts, rows, name)
    test = dataset.table.iloc[rows["test"]]
    groups = test.groupby(["plate", "well"], sort=True)
    well = groups.ngroup().to_numpy(np.intp)
    counts = np.bincount(well)
    own = evaluate(autoencoder, dataset, rows["test"]).patches["bce"].to_numpy(np.float64)
    inside, pixels = inside_losses(autoencoder, dataset, rows["test"])
    statistics = {
        "BCE of its own target": ratio(*by_well(own, well)),
        "BCE within the masks": ratio(np.bincount(well, inside), np.bincount(well, pixels)),
    }
    known = _scorer("classifier", classifier, split, config.seed, masked=masked)
    found = evaluate(known, dataset, rows["test"])
    right = (found.patches["label"] == found.patches["predicted"]).to_numpy(np.float64)
    right_wells = (found.wells["stimulation"] == found.wells["predicted"]).to_numpy(np.float64)
    statistics["patch accuracy"] = ratio(*by_well(right, well))
    statistics["well accuracy"] = ratio(right_wells, np.ones(counts.size))
    known = _scorer("regressor", regressor, split, config.seed, masked=masked)
    patches = evaluate(known, dataset, rows["test"]).patches
    # What the regressor was trained on: the masks' own measure, also of a simulated plate.
    own_measure = patches.get(OF_MASKS, patches["overlap"])
    true = own_measure.to_numpy(np.float64)
    squared = (patches["predicted_overlap"].to_numpy(np.float64) - true) ** 2
    sums, squares, errors = (np.bincount(well, v) for v in (true, true**2, squared))
    mse = ratio(errors, counts)
    statistics["overlap RMSE"] = lambda wells: float(np.sqrt(mse(wells)))
    statistics["overlap R2"] = lambda wells: r2(
        errors[wells], sums[wells], squares[wells], counts[wells]
    )
    return Arm(statistics, np.array(["/".join(key) for key in groups.groups]))


def _head_networks(
    config: MaskingConfig,
    split: Split,
    encoder: Any,
    patches: dict[str, AnyPatches],
    rows: dict[str, Wells],
    name: str,
) -> tuple[Any, Any]:
    """Train the classifier and the regressor of an arm on its encoder."""

    def answered(answers: Callable[[Wells], NDArray[Any]]) -> tuple[Part, Part]:
        train, held_out = (
            Part(patches[role], answers(rows[role])) for role in ("train", "validation")
        )
        return train, held_out

    classifier, _ = fit_with_bar(
        train_classifier,
        f"{name} classifier",
        encoder,
        answered(split.labels),
        config.classifier,
        classes=len(split.classes),
        seed=config.seed,
    )
    regressor, _ = fit_with_bar(
        train_regressor,
        f"{name} regressor",
        encoder,
        answered(split.overlap),
        config.regressor,
        seed=config.seed,
    )
    return classifier, regressor


def _scorer(kind: Kind, network: Any, split: Split, seed: int, *, masked: bool) -> Scorer:
    known = card(kind, split, masked=masked, seed=seed)
    return Scorer(network, known, mask_network_of(split.dataset))


def inside_losses(
    scorer: Scorer, dataset: Dataset, rows: Wells
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Compute the binary cross-entropy of reconstructions within the dataset's masks.

    Within the masks, whole and masked images are the same, so that the autoencoders of both arms
    can be compared.

    Returns
    -------
    losses : ndarray, (n,)
        Sums over the pixels of each patch's masks, in nats.
    pixels : ndarray, (n,)
        Number of these pixels.
    """
    losses, pixels = [], []
    for start in range(0, len(rows), PREDICT_BATCH):
        part = rows[start : start + PREDICT_BATCH]
        masks = dataset.read_masks(part)
        seen = Patches(dataset.read(part), masks if scorer.card.masked else None).batch(slice(None))
        made = np.clip(scorer.network.predict_on_batch(seen), 1e-7, 1 - 1e-7)
        entropy = -(seen * np.log(made) + (1 - seen) * np.log1p(-made))
        losses.append((entropy * masks).sum(axis=(1, 2, 3), dtype=np.float64))
        pixels.append(masks.sum(axis=(1, 2, 3), dtype=np.float64))
    return np.concatenate(losses), np.concatenate(pixels)


def ratio(sums: NDArray[Any], counts: NDArray[Any]) -> Statistic:
    """Return the statistic "sum over count" of values per well, (wells,); NaN if the count is 0."""

    def statistic(wells: Wells) -> float:
        total = counts[wells].sum()
        return float(sums[wells].sum() / total) if total else float("nan")

    return statistic


def compare(normal: Arm, masked: Arm, seed: int) -> pd.DataFrame:
    """Score both arms and their difference on the same wells, with 95 % intervals.

    Returns
    -------
    DataFrame, one row per measure
        measure; normal, masked and difference (masked minus normal), each with ``_low`` and
        ``_high``; verdict: ``helps``, ``hurts``, ``no difference shown`` or ``not comparable``.

    Raises
    ------
    ValueError
        If the arms were scored on different wells.
    """
    if not np.array_equal(normal.labels, masked.labels):
        raise ValueError("both arms must be scored on the same wells")
    rows = []
    for measure, lower in LOWER_IS_BETTER.items():
        one, other = normal.statistics[measure], masked.statistics[measure]

        def difference(wells: Wells, one: Statistic = one, other: Statistic = other) -> float:
            return other(wells) - one(wells)

        row: dict[str, Any] = {"measure": measure}
        for name, statistic in (("normal", one), ("masked", other), ("difference", difference)):
            # All three use the same draws of wells.
            score = interval(statistic, len(normal.labels), np.random.default_rng(seed))
            row |= score.flat(name)
        rows.append(row | {"verdict": verdict(row, lower)})
    return pd.DataFrame(rows)


def verdict(row: dict[str, Any], lower_is_better: bool | None) -> str:
    """State what a difference with its interval shows."""
    if lower_is_better is None:
        return "not comparable"
    if row["difference_low"] <= 0 <= row["difference_high"]:
        return "no difference shown"
    return "helps" if (row["difference"] < 0) == lower_is_better else "hurts"


def _metrics(table: pd.DataFrame) -> dict[str, float]:
    metrics = {}
    for row in table.to_dict(orient="records"):
        name = str(row["measure"]).lower().replace(" ", "_")
        for key, value in row.items():
            if isinstance(value, float) and np.isfinite(value):
                metrics[f"{key}/{name}"] = value
    return metrics


def _lines(table: pd.DataFrame, wells: int, dataset: Dataset) -> list[str]:
    lines = [
        f"whole against masked images on {wells} held-out wells of {dataset.name}, "
        "with 95 % intervals over wells:"
    ]
    for row in table.itertuples():
        lines.append(
            f"- {row.measure}: {row.normal:.4f} whole, {row.masked:.4f} masked, difference "
            f"{row.difference:+.4f} [{row.difference_low:+.4f}, {row.difference_high:+.4f}]: "
            f"{row.verdict}"
        )
    lines.append(
        "The overlap is computed from the masks, so that masked images reveal it to a network."
    )
    return lines
