"""Train an autoencoder, a classifier or a regressor as a tracked run."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ck19ml import __version__, models, plots
from ck19ml.classifier import (
    HeadSettings,
    Part,
    RegressorSettings,
    train_classifier,
    train_regressor,
)
from ck19ml.config import (
    AutoencoderConfig,
    AutoencoderSettings,
    ClassifierConfig,
    FitConfig,
    RegressorConfig,
)
from ck19ml.core.fingerprint import fingerprint
from ck19ml.errors import ConfigError
from ck19ml.evaluation import Evaluation, evaluate
from ck19ml.plates.store import open_dataset
from ck19ml.scoring import Card, Scorer
from ck19ml.tracking import registry, runs
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.training import Batches, Fit, FitSettings, fit, seed_everything
from ck19ml.workflows.data import Outcome
from ck19ml.workflows.figures import (
    Figures,
    classifier_figures,
    publish,
    reconstruction_figure,
    regressor_figures,
    umap_figure,
)
from ck19ml.workflows.gate import decide, well_losses
from ck19ml.workflows.progress import bar, say
from ck19ml.workflows.wells import Split, load_patches, split_dataset

ROLES = ("train", "validation", "test")


@dataclass(frozen=True)
class Trained:
    """A registered model, the run that made it and what it scored."""

    scorer: Scorer
    version: Version
    run: Run
    evaluations: dict[str, Evaluation]
    promoted: bool
    description: str
    figures: Figures


def autoencoder_command(config: AutoencoderConfig) -> Outcome:
    """Train an autoencoder on its own, unless a finished run did it already."""
    dataset = open_dataset(config.dataset)
    split = split_dataset(dataset, config.split)
    run, reused = autoencoder_step(config, split, config.seed)
    how = "already trained by" if reused else "trained in"
    return Outcome([f"autoencoder: {how} run {run.id}"], {"run": run.id, **run.logged})


def autoencoder_step(config: AutoencoderSettings, split: Split, seed: int) -> tuple[Run, bool]:
    """Find the finished run of this autoencoder on this data, or train it.

    Returns
    -------
    run : Run
    reused : bool
        Whether the run was there before.
    """
    settings = config.model_dump(mode="json", include=set(AutoencoderSettings.model_fields))
    mark = fingerprint("autoencoder", settings, seed, split.dataset.content_hash, split.classes,
                       split.fingerprints())  # fmt: skip
    found = runs.find_finished(mark, "autoencoder")
    if found is not None:
        say(f"autoencoder: run {found.id} did it already")
        return found, True
    name = f"autoencoder {config.architecture}{' masked' if config.masked else ''}"
    with runs.start(
        name, "autoencoder", config.model_dump(mode="json") | {"seed": seed}, fingerprint=mark
    ) as run:
        _train_autoencoder(config, split, seed, run)
    return run, False


def _train_autoencoder(config: AutoencoderSettings, split: Split, seed: int, run: Run) -> Trained:
    dataset = split.dataset
    seed_everything(seed)
    network = models.build_autoencoder(config.architecture, dataset.parameters["patch_size"])
    rows = {role: split.rows(role) for role in ("train", "validation")}
    parts = {r: load_patches(dataset, rows[r], masked=config.masked) for r in rows}
    size = config.fit.batch_size
    with bar("autoencoder") as progress:
        result = fit(
            network,
            Batches(parts["train"], None, size, np.random.default_rng(seed)),
            Batches(parts["validation"], None, size),
            fit_settings(config.fit),
            loss="binary_crossentropy",
            report=lambda epoch, _: progress(epoch, config.fit.epochs),
        )
    scorer = Scorer(network, card("autoencoder", split, masked=config.masked, seed=seed))
    log_fit(run, result, config.fit.epochs)
    evaluations = {r: evaluate(scorer, dataset, split.rows(r)) for r in ROLES}
    figures = reconstruction_figure(scorer, dataset, split.rows("test"))
    figures |= {"learning_curves": plots.learning_curves(result.history)}
    return finish(run, scorer, split, evaluations, figures)


def classifier_command(config: ClassifierConfig) -> Outcome:
    """Train a classifier with fixed settings, and register it."""
    dataset = open_dataset(config.dataset)
    split = split_dataset(dataset, config.split, config.classes, faulty_class=config.faulty_class)
    encoder = find_encoder(config, split)
    kind = "fine-tuned" if config.fine_tune else "frozen"
    with runs.start(f"classifier {kind}", "classifier", config.model_dump(mode="json")) as run:
        settings = head_settings(config)
        parts = {role: _part(split, role, config, labels=True) for role in ("train", "validation")}
        with bar("classifier") as progress:
            network, result = train_classifier(
                encoder,
                parts["train"],
                parts["validation"],
                settings,
                classes=len(split.classes),
                seed=config.seed,
                report=lambda epoch, _: progress(epoch, config.fit.epochs),
            )
        scorer = Scorer(
            network,
            card(
                "classifier",
                split,
                masked=config.masked,
                seed=config.seed,
                threshold=config.interaction_threshold,
            ),
        )
        trained = _finish_supervised(run, scorer, split, result, config)
    return outcome(trained)


def regressor_command(config: RegressorConfig) -> Outcome:
    """Train a regressor of the overlap, and register it."""
    split = split_dataset(open_dataset(config.dataset), config.split)
    encoder = find_encoder(config, split)
    return outcome(regressor_step(config, split, encoder))


def regressor_step(
    config: RegressorConfig, split: Split, encoder: Any, mark: str | None = None
) -> Trained:
    """Train a regressor of the overlap on an encoder in a run of its own.

    Parameters
    ----------
    mark : str, optional
        Fingerprint by which the finished run is found again.
    """
    kind = "fine-tuned" if config.fine_tune else "frozen"
    with runs.start(
        f"regressor {kind}", "regressor", config.model_dump(mode="json"), fingerprint=mark
    ) as run:
        settings = RegressorSettings(
            dropout=config.dropout,
            local=config.head == "local",
            fine_tune=config.fine_tune,
            fit=fit_settings(config.fit),
        )
        parts = {role: _part(split, role, config, labels=False) for role in ("train", "validation")}
        with bar("regressor") as progress:
            network, result = train_regressor(
                encoder,
                parts["train"],
                parts["validation"],
                settings,
                seed=config.seed,
                report=lambda epoch, _: progress(epoch, config.fit.epochs),
            )
        scorer = Scorer(
            network,
            card(
                "regressor",
                split,
                masked=config.masked,
                seed=config.seed,
                threshold=config.interaction_threshold,
            ),
        )
        return _finish_supervised(run, scorer, split, result, config)


def _finish_supervised(
    run: Run,
    scorer: Scorer,
    split: Split,
    result: Fit,
    config: ClassifierConfig | RegressorConfig,
) -> Trained:
    log_fit(run, result, config.fit.epochs)
    evaluations = {
        role: evaluate(scorer, split.dataset, split.rows(role, faulty=split.faulty_class))
        for role in ROLES
    }
    test = evaluations["test"]
    draw = regressor_figures if scorer.card.kind == "regressor" else None
    figures = draw(test) if draw else classifier_figures(test, split.classes)
    figures |= {"learning_curves": plots.learning_curves(result.history)}
    figures |= umap_figure(scorer, split.dataset, split.rows("test"), config.seed)
    return finish(run, scorer, split, evaluations, figures)


def finish(
    run: Run,
    scorer: Scorer,
    split: Split,
    evaluations: dict[str, Evaluation],
    figures: Figures,
    *,
    losses: dict[str, float] | None = None,
    always: bool = False,
) -> Trained:
    """Log what a run made: metrics, tables, figures, the model; then pass the gate.

    Parameters
    ----------
    losses : dict, optional
        What the gate compares, see `gate.decide`; by default the losses on the validation
        wells, which the model must not have been trained on.
    """
    kind, dataset = scorer.card.kind, split.dataset
    if losses is None:
        losses = well_losses(kind, evaluations["validation"], split.wells)
    run.dataset(
        dataset.table, name=dataset.name, source=str(dataset.path), digest=dataset.content_hash
    )
    metrics: dict[str, float] = {}
    for role, evaluation in evaluations.items():
        metrics |= evaluation.metrics(role)
    run.metrics(metrics)
    run.table("wells", split.wells)
    run.table("test_wells", evaluations["test"].wells)
    run.table("test_patches", evaluations["test"].patches)
    publish(figures, run, None)
    description = describe(scorer.card, evaluations["test"])
    tags = {"dataset": dataset.content_hash, "masked": str(scorer.card.masked).lower()}
    version = registry.log_model(run, scorer, f"ck19-{kind}", tags, description)
    decision = decide(version, kind, losses, dataset, always=always)
    run.tags({"ck19ml.version": __version__, "ck19ml.promoted": str(decision.promoted).lower()})
    description += f"\n\n{version.name} version {version.number}: {decision.reason}."
    run.describe(description)
    return Trained(scorer, version, run, evaluations, decision.promoted, description, figures)


def describe(card: Card, test: Evaluation) -> str:
    """Key figures of a run in a few lines of Markdown."""
    shown = {
        "classifier": (
            ("well accuracy", "well_accuracy"),
            ("majority class", "baseline_majority_well_accuracy"),
            ("thresholds on the mean overlap", "baseline_overlap_well_accuracy"),
            ("patch accuracy", "accuracy"),
            ("overlap MSE", "overlap_mse"),
        ),
        "regressor": (
            ("overlap MSE", "overlap_mse"),
            ("predicting the mean", "baseline_mean_overlap_mse"),
            ("R2", "overlap_r2"),
        ),
        "autoencoder": (("binary cross-entropy", "bce"),),
    }[card.kind]
    where = f"{len(test.wells)} wells of {card.dataset['name']} that it has not seen"
    lines = [f"{card.kind} on {where}, with 95 % intervals over wells:"]
    for label, key in shown:
        s, digits = test.scores[key], 5 if key.endswith(("mse", "bce")) else 3
        lines.append(f"- {label}: {s.value:.{digits}f} [{s.low:.{digits}f}, {s.high:.{digits}f}]")
    if card.kind == "classifier":
        lines.insert(0, verdict(test))
    return "\n".join(lines)


def verdict(test: Evaluation) -> str:
    """Say in one sentence whether the classifier beats the best baseline, well by well."""
    mine = test.scores["well_accuracy"].value
    best = max(
        test.scores[f"baseline_{name}_well_accuracy"].value for name in ("majority", "overlap")
    )
    if mine > best:
        return f"The classifier beats the best baseline: {mine:.3f} against {best:.3f} of wells."
    return (
        f"The classifier does NOT beat the best baseline: {mine:.3f} against {best:.3f} of wells."
    )


def outcome(trained: Trained) -> Outcome:
    """Say what was trained and where to look."""
    test = trained.evaluations["test"]
    lines = [line for line in trained.description.splitlines() if line]
    lines.append(f"registered as {trained.version.uri}, run {trained.run.id}")
    return Outcome(lines, {"run": trained.run.id, "model": trained.version.uri,
                           **test.metrics("test")})  # fmt: skip


def find_encoder(config: ClassifierConfig | RegressorConfig, split: Split) -> Any:
    """Load the encoder that a config names, or build a fresh one.

    Raises
    ------
    ConfigError
        If the encoder takes other patches, or has seen a test well of this split.
    """
    size = split.dataset.parameters["patch_size"]
    if config.encoder is None:
        seed_everything(config.seed)
        return models.build_encoder(config.architecture, size)
    scorer = registry.load_model(config.encoder)
    known = scorer.card
    if (known.patch_size, known.masked) != (size, config.masked):
        raise ConfigError(
            f"encoder: expected one for {'masked ' if config.masked else ''}patches of {size} "
            f"pixels, found {config.encoder} for {'masked ' if known.masked else ''}patches of "
            f"{known.patch_size}; train another autoencoder or change 'masked'"
        )
    leaked = known.seen & set(split.hashes("test"))
    if leaked:
        raise ConfigError(
            f"encoder: expected one that has seen no test well, found {config.encoder}, which has "
            f"seen {len(leaked)} of {len(split.hashes('test'))}; use the split it was trained with"
        )
    return scorer.encoder


def card(
    kind: str, split: Split, *, masked: bool, seed: int, threshold: float = 0.2, refit: bool = False
) -> Card:
    """Write the card of a model trained on this split.

    Parameters
    ----------
    refit : bool
        Whether the validation wells were trained on too; the baselines see the same wells.
    """
    dataset = split.dataset
    roles = ("train", "validation") if refit else ("train",)
    return Card(
        kind=kind,
        classes=split.classes,
        masked=masked,
        interaction_threshold=threshold,
        wells=split.fingerprints(),
        dataset={"name": dataset.name, "content_hash": dataset.content_hash},
        seed=seed,
        software=f"ck19ml {__version__}",
        illumination=dataset.illumination,
        baselines={} if kind == "autoencoder" else asdict(split.baselines(*roles)),
        **dataset.parameters,
    )


def head_settings(config: ClassifierConfig) -> HeadSettings:
    """Take the head and its training from a config."""
    return HeadSettings(
        **config.head.model_dump(),
        fine_tune=config.fine_tune,
        class_weights=config.class_weights,
        fit=fit_settings(config.fit),
    )


def fit_settings(config: FitConfig) -> FitSettings:
    """Take the training from a config."""
    return FitSettings(**config.model_dump())


def log_fit(run: Run, result: Fit, planned: int) -> None:
    """Log the learning curves and how the training ended."""
    run.history(result.history)
    run.metrics({"epochs_run": len(result.history), "epochs_planned": planned,
                 "best_epoch": result.best_epoch})  # fmt: skip
    run.tags({"stop_reason": result.stop_reason})


def _part(
    split: Split, role: str, config: ClassifierConfig | RegressorConfig, *, labels: bool
) -> Part:
    rows = split.rows(role, faulty=split.faulty_class)
    patches = load_patches(split.dataset, rows, masked=config.masked)
    return Part(patches, split.labels(rows) if labels else split.overlap(rows))
