"""End of every training: figures, a registered model, the gate, and a description."""

from dataclasses import dataclass

import numpy as np

from ck19ml import __version__
from ck19ml.core.scores.classification import BASELINE, RULES, best_rule, rule_name
from ck19ml.core.scores.drift import Vehicles, appearance, of_wells, vehicles_of
from ck19ml.core.scores.verdict import (
    BETTER,
    DIFFERENCE,
    NOT_SHOWN,
    POWER,
    WORSE,
    Verdict,
    discordance,
    power,
    wells_needed,
)
from ck19ml.core.splits import GATE, UNITS
from ck19ml.core.wells import well_index
from ck19ml.networks.card import Card, Kind
from ck19ml.networks.evaluation import LINE, MASKS, Evaluation
from ck19ml.networks.scorer import Scorer, portions
from ck19ml.networks.training import Fit
from ck19ml.plates.dataset.truth import OF_MASKS
from ck19ml.tracking import registry
from ck19ml.tracking.assays import model_assay
from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import say
from ck19ml.workflows.reporting.captions import first_look
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.steps.figures import Figures, publish
from ck19ml.workflows.steps.gate import Losses, dataset_losses, decide, name_of, on_dataset
from ck19ml.workflows.steps.leakage_audit import audit_figure, audit_line, audit_table
from ck19ml.workflows.steps.split import Split

SHOWN = {
    "classifier": (
        ("well accuracy", "well_accuracy"),
        ("well accuracy by attention over its patches", "attention_well_accuracy"),
        *((label, f"{rule}_well_accuracy") for rule, label in RULES.items()),
        ("patch accuracy", "accuracy"),
        ("calibration error of wells", "well_calibration_error"),
        ("calibration error of patches", "calibration_error"),
        ("overlap MSE", "overlap_mse"),
    ),
    "regressor": (
        ("R2 of patches", "overlap_r2"),
        ("R2 of the masks' own measure", f"{MASKS}_overlap_r2"),
        ("R2 of a line through it, fitted on the training wells", f"{LINE}_overlap_r2"),
        ("R2 against the masks' own measure", "masks_overlap_r2"),
        ("R2 of fields", "field_overlap_r2"),
        ("overlap RMSE", "overlap_rmse"),
        ("overlap MSE", "overlap_mse"),
        ("MSE of predicting the mean", "baseline_mean_overlap_mse"),
    ),
    "autoencoder": (("binary cross-entropy", "bce"),),
}
"""Scores of each kind of model that a run's description lists, in this order."""


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
    losses: Losses | None = None,
    always: bool = False,
) -> Trained:
    """Log metrics, tables, figures and the model of a run, and pass the model through the gate.

    Parameters
    ----------
    losses : dict, optional
        Losses that the gate compares, see `gate.decide`; by default those on the wells set
        aside for the gate, which the model must not have been trained on.
    """
    scorer = scorer.changed(vehicles=vehicles_in(split))
    kind, dataset = scorer.card.kind, split.dataset
    if losses is None:
        losses = dataset_losses(scorer, dataset, split.wells[split.wells["role"] == GATE])
    run.dataset(dataset)
    metrics: dict[str, float] = {}
    for role, evaluation in evaluations.items():
        metrics |= evaluation.metrics(role)
    run.table("scores", score_rows(metrics))
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
    assay = model_assay(scorer.card, dataset)
    if kind == "regressor":
        true = "true " if OF_MASKS in evaluations["test"].patches else ""
        assay["target"] = f"{true}{scorer.card.target}"
    tags = {"dataset": dataset.content_hash, "masked": str(scorer.card.masked).lower(), **assay}
    if kind == "classifier":
        tags |= {"recipe": scorer.card.recipe}
    name, look = name_of(kind, assay), first_look(figures)
    version = registry.log_model(run, scorer, name, tags, f"{description}\n\n{look}")
    shown = key_figures(metrics)
    tested = {key: value for key, value in shown.items() if key.startswith("test/")}
    run.metrics({key: value for key, value in shown.items() if key not in tested})
    run.metrics(tested, model=version.model_id, dataset=dataset)
    measure = on_dataset(kind, dataset)
    decision = decide(version, kind, losses, measure, units=split.units, always=always)
    run.tags({"ck19ml.version": __version__, "ck19ml.promoted": str(decision.promoted).lower()})
    description += f"\n\n{version.name} version {version.number}: {decision.reason}."
    run.describe(f"{description}\n\n{look}")
    return Trained(scorer, version, run, evaluations, decision.promoted, description, figures)


def describe(card: Card, test: Evaluation, dataset: str | None = None) -> str:
    """Describe a run by its verdict and key figures, in a few lines of Markdown.

    Parameters
    ----------
    dataset : str, optional
        Name of the wells' dataset; by default the one that the model was trained on.
    """
    where = f"{len(test.wells)} wells of {dataset or card.dataset['name']} that it has not seen"
    lines = verdict_lines(card, test)
    lines.append(f"{card.kind} on {where}, with 95 % intervals over {UNITS[test.unit]}:")
    for label, key in SHOWN[card.kind]:
        if key in test.scores:
            digits = 5 if key.endswith(("mse", "bce")) else 3
            lines.append(f"- {rule_name(label, test.scores)}: {test.scores[key].text(digits)}")
    if card.kind == "regressor":
        lines += _told_interaction(test)
    return "\n".join(lines)


def verdict_lines(card: Card, test: Evaluation) -> list[str]:
    """Say how a model compares with the best baseline on the same wells, first of all.

    A regressor's is the measure of the masks themselves; where no truth is known to judge both by,
    predicting the mean.

    Returns
    -------
    list of str
        Empty for an autoencoder, which has no baseline.
    """
    found = test.verdict
    if found is None:
        return []
    if card.kind == "regressor":
        return [_regressor_verdict(found, test, card.mask)]
    rule = best_rule(test.wells)
    mine, best = test.scores["well_accuracy"], test.scores[f"{rule}_well_accuracy"]
    line = (
        f"Well accuracy {mine.value:.3f} against {best.value:.3f} of the best baseline, "
        f"{rule_name(RULES.get(rule, rule.removeprefix(BASELINE)), test.wells)}: {found.points()}"
    )
    if not np.isfinite(found.p):
        return [f"{line}."]
    lines = [f"{line} on {found.units} wells, McNemar p {found.p:.2g}."]
    if found.word == NOT_SHOWN:
        split = discordance(found)
        lines.append(
            f"{found.units} wells show a difference of {100 * DIFFERENCE:.0f} points with a "
            f"probability of {power(found.units, split):.2f}; about {wells_needed(split)} wells "
            f"would with {POWER:g}."
        )
    return lines


def _regressor_verdict(found: Verdict, test: Evaluation, mask: str) -> str:
    mine = test.scores["overlap_mse"].value
    rivals = {MASKS: "their own measure", LINE: "a line through their own measure"}
    of = {
        name: test.scores[f"{rule}_overlap_mse"].value
        for rule, name in rivals.items()
        if f"{rule}_overlap_mse" in test.scores
    }
    if not of:
        mean = test.scores["baseline_mean_overlap_mse"].value
        return (
            f"No true overlap to judge by: the network imitates the masks by '{mask}'. Overlap MSE "
            f"{mine:.5f} against {mean:.5f} of predicting the mean: {found.text(5)}."
        )
    says = {BETTER: "Adds to", WORSE: "Adds nothing to", NOT_SHOWN: "Not shown to add to"}
    name = min(of, key=lambda name: of[name])
    return (
        f"{says[found.word]} the masks by '{mask}': MSE of the true overlap {mine:.5f} against "
        f"{of[name]:.5f} of {name}: {found.text(5)}."
    )


def _told_interaction(test: Evaluation) -> list[str]:
    numbers = test.numbers
    said = "" if numbers["interaction_call"] == numbers["interaction_threshold"] else (
        f", called from a predicted {numbers['interaction_call']:.3f}"
    )  # fmt: skip
    return [
        f"- interaction (overlap of at least {numbers['interaction_threshold']:g}{said}): "
        f"prevalence {numbers['interaction_prevalence']:.4f}, average precision "
        f"{numbers['interaction_average_precision']:.3f}, ROC AUC "
        f"{numbers['interaction_roc_auc']:.3f}, F1 {numbers['interaction_f1']:.3f}, accuracy "
        f"{numbers['interaction_accuracy']:.4f} where 'never' has "
        f"{numbers['interaction_never_accuracy']:.4f}"
    ]


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
    roles = split.fitted if refit else ("train",)
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
        unit=split.by,
        **dataset.parameters,
    )


def vehicles_in(split: Split) -> Vehicles | None:
    """Summarise the vehicle wells that a model is trained or tuned on; None of too few."""
    dataset, rows = split.dataset, split.rows(*split.fitted)
    rows = rows[(dataset.table["control"].iloc[rows] == "vehicle").to_numpy(bool)]
    if not rows.size:
        return None
    each = [
        appearance(patches, dataset.read_masks(part))
        for part, patches in portions(dataset.read, rows)
    ]
    table = dataset.table.iloc[rows]
    well = well_index(table)
    stimulation = table["stimulation"].astype(str).iloc[np.unique(well, return_index=True)[1]]
    return vehicles_of(of_wells(np.concatenate(each), well), list(stimulation))


def log_fit(run: Run, result: Fit, planned: int) -> None:
    """Log the learning curves and how the training ended; say it if nothing was learned."""
    run.history(result.history)
    run.metrics({"epochs_run": len(result.history), "best_epoch": result.best_epoch})
    run.tags({"stop_reason": result.stop_reason, "epochs_planned": str(planned)})
    if result.constant_loss is not None:
        run.metrics({"validation/constant_loss": result.constant_loss})
    if result.shortcoming:
        say(result.shortcoming)
        run.tags({"ck19ml.shortcoming": result.shortcoming})
    if result.epochs_before:
        run.tags({"ck19ml.interrupted_after_epoch": str(result.epochs_before)})
