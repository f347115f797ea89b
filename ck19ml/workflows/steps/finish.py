"""End of every training: figures, a registered model, the gate, and a description."""

from dataclasses import dataclass

from ck19ml import __version__
from ck19ml.core.scores.classification import BASELINE
from ck19ml.networks.card import Card, Kind
from ck19ml.networks.evaluation import Evaluation
from ck19ml.networks.scorer import Scorer
from ck19ml.networks.training import Fit
from ck19ml.tracking import registry
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.steps.figures import Figures, publish
from ck19ml.workflows.steps.gate import decide, well_losses
from ck19ml.workflows.steps.leakage_audit import audit_figure, audit_line, audit_table
from ck19ml.workflows.steps.split import Split


@dataclass(frozen=True)
class Trained:
    """A registered model, the run that made it and its scores."""

    scorer: Scorer
    version: Version
    run: Run
    evaluations: dict[str, Evaluation]
    promoted: bool
    description: str
    figures: Figures


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
    """Log metrics, tables, figures and the model of a run, and pass the model through the gate.

    Parameters
    ----------
    losses : dict, optional
        Losses that the gate compares, see `gate.decide`; by default those on the validation
        wells, which the model must not have been trained on.
    """
    kind, dataset = scorer.card.kind, split.dataset
    if losses is None:
        losses = well_losses(kind, evaluations["validation"], split.wells)
    run.dataset(dataset)
    metrics: dict[str, float] = {}
    for role, evaluation in evaluations.items():
        metrics |= evaluation.metrics(role)
    run.metrics(metrics)
    run.table("wells", split.wells)
    run.table("test_wells", evaluations["test"].wells)
    run.table("test_patches", evaluations["test"].patches)
    description = describe(scorer.card, evaluations["test"])
    if split.audited:
        audit = audit_table(kind, evaluations)
        run.table("leakage_audit", audit)
        figures = figures | {"leakage_audit": audit_figure(kind, audit)}
        description += f"\n\n{audit_line(kind, audit)}"
    publish(figures, run, None)
    tags = {"dataset": dataset.content_hash, "masked": str(scorer.card.masked).lower()}
    if kind == "regressor":
        tags |= {"target": scorer.card.target}
    version = registry.log_model(run, scorer, f"ck19-{kind}", tags, description)
    decision = decide(version, kind, losses, dataset, always=always)
    run.tags({"ck19ml.version": __version__, "ck19ml.promoted": str(decision.promoted).lower()})
    description += f"\n\n{version.name} version {version.number}: {decision.reason}."
    run.describe(description)
    return Trained(scorer, version, run, evaluations, decision.promoted, description, figures)


def describe(card: Card, test: Evaluation, dataset: str | None = None) -> str:
    """Summarise the key figures of a run in a few lines of Markdown.

    Parameters
    ----------
    dataset : str, optional
        Name of the wells' dataset; by default the one that the model was trained on.
    """
    shown = {
        "classifier": (
            ("well accuracy", "well_accuracy"),
            ("well accuracy by attention over its patches", "attention_well_accuracy"),
            ("majority class", "baseline_majority_well_accuracy"),
            ("thresholds on the mean overlap", "baseline_overlap_well_accuracy"),
            ("logistic regression on overlap, areas and counts", "baseline_logistic_well_accuracy"),
            ("patch accuracy", "accuracy"),
            ("calibration error of wells", "well_calibration_error"),
            ("calibration error of patches", "calibration_error"),
            ("overlap MSE", "overlap_mse"),
        ),
        "regressor": (
            ("R2 of patches", "overlap_r2"),
            ("R2 of fields", "field_overlap_r2"),
            ("overlap RMSE", "overlap_rmse"),
            ("overlap MSE", "overlap_mse"),
            ("MSE of predicting the mean", "baseline_mean_overlap_mse"),
            ("R2 against the simulator's true overlap", "truth_overlap_r2"),
            ("R2 of the masks against the same", "baseline_masks_truth_overlap_r2"),
        ),
        "autoencoder": (("binary cross-entropy", "bce"),),
    }[card.kind]
    where = f"{len(test.wells)} wells of {dataset or card.dataset['name']} that it has not seen"
    lines = [f"{card.kind} on {where}, with 95 % intervals over wells:"]
    for label, key in shown:
        if key not in test.scores:
            continue
        s, digits = test.scores[key], 5 if key.endswith(("mse", "bce")) else 3
        lines.append(f"- {label}: {s.value:.{digits}f} [{s.low:.{digits}f}, {s.high:.{digits}f}]")
    if card.kind == "regressor":
        lines += _told_interaction(test)
        lines.insert(0, regressor_verdict(test))
    if card.kind == "classifier":
        lines.insert(0, verdict(test))
    return "\n".join(lines)


def verdict(test: Evaluation) -> str:
    """State in one sentence whether the classifier beats the best baseline on wells."""
    mine = test.scores["well_accuracy"].value
    best = max(
        score.value
        for name, score in test.scores.items()
        if name.startswith(BASELINE) and name.endswith("_well_accuracy")
    )
    if mine > best:
        return f"The classifier beats the best baseline: {mine:.3f} against {best:.3f} of wells."
    return (
        f"The classifier does NOT beat the best baseline: {mine:.3f} against {best:.3f} of wells."
    )


def regressor_verdict(test: Evaluation) -> str:
    """State in one sentence whether the regressor beats predicting the mean on patches.

    The interval decides: the lower bound of R2 must be above 0, the R2 of the mean.
    """
    mine, mean = test.scores["overlap_mse"].value, test.scores["baseline_mean_overlap_mse"].value
    beats = mine < mean and not test.scores["overlap_r2"].low <= 0
    return (
        f"The regressor {'beats' if beats else 'does NOT beat'} predicting the mean: MSE "
        f"{mine:.5f} against {mean:.5f}."
    )


def _told_interaction(test: Evaluation) -> list[str]:
    numbers = test.numbers
    said = "" if numbers["interaction_call"] == numbers["interaction_threshold"] else (
        f", called from a predicted {numbers['interaction_call']:.3f}"
    )  # fmt: skip
    lines = [
        f"- interaction (overlap of at least {numbers['interaction_threshold']:g}{said}): "
        f"prevalence {numbers['interaction_prevalence']:.4f}, average precision "
        f"{numbers['interaction_average_precision']:.3f}, ROC AUC "
        f"{numbers['interaction_roc_auc']:.3f}, F1 {numbers['interaction_f1']:.3f}, accuracy "
        f"{numbers['interaction_accuracy']:.4f} where 'never' has "
        f"{numbers['interaction_never_accuracy']:.4f}"
    ]
    if "truth_overlap_r2" not in test.scores:
        lines.append("- no true overlap: the plate was not simulated, or was not found")
    return lines


def outcome(trained: Trained) -> Outcome:
    """Report what was trained and where to find it."""
    test = trained.evaluations["test"]
    lines = [line for line in trained.description.splitlines() if line]
    lines.append(f"registered as {trained.version.uri}, run {trained.run.id}")
    return Outcome(lines, {"run": trained.run.id, "model": trained.version.uri,
                           **test.metrics("test")})  # fmt: skip


def card(
    kind: Kind,
    split: Split,
    *,
    masked: bool,
    seed: int,
    threshold: float = 0.2,
    refit: bool = False,
    target: str = "overlap",
) -> Card:
    """Make the card of a model trained on this split.

    Parameters
    ----------
    refit : bool
        Whether the model was trained on the validation wells too; the baselines are fitted on the
        same wells.
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
        target=target,
        baselines=None if kind == "autoencoder" else split.baselines(*roles),
        **dataset.parameters,
    )


def log_fit(run: Run, result: Fit, planned: int) -> None:
    """Log the learning curves and how the training ended."""
    run.history(result.history)
    run.metrics({"epochs_run": len(result.history), "epochs_planned": planned,
                 "best_epoch": result.best_epoch})  # fmt: skip
    run.tags({"stop_reason": result.stop_reason})
    if result.epochs_before:
        run.tags({"ck19ml.interrupted_after_epoch": str(result.epochs_before)})
