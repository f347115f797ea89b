"""The work of `evaluate`, once its input has been checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ck19ml.networks.embedding import Mapping
from ck19ml.networks.evaluation import evaluate, unseen_rows
from ck19ml.networks.scorer import Scorer
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry, runs
from ck19ml.tracking.assays import dataset_assay
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.reporting.captions import first_look
from ck19ml.workflows.reporting.explanation import explain_wells
from ck19ml.workflows.reporting.gather import report
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.steps.figures import (
    Figures,
    classifier_figures,
    publish,
    reconstruction_figure,
    regressor_figures,
)
from ck19ml.workflows.steps.finish import describe
from ck19ml.workflows.steps.gate import champion_for
from ck19ml.workflows.steps.maps import maps


def evaluate_model(
    uri: str,
    dataset: Dataset,
    figures: Path | None,
    how: Mapping,
    explain: int | Sequence[str] = 0,
) -> Outcome:
    """Evaluate a model on the held-out wells of a dataset, in a tracked run.

    Parameters
    ----------
    explain : int or sequence of str
        Wells whose answers are explained, see `explain_wells`; 0 or empty for none.
    """
    uri = champion_for(uri, dataset_assay(dataset))
    scorer, model = registry.open_model(uri)
    rows = unseen_rows(dataset, scorer.card)
    config = {"model": uri, "dataset": str(dataset.path)}
    with (
        bar(f"evaluating {dataset.name}") as progress,
        runs.start(f"evaluate {scorer.card.kind} on {dataset.name}", "evaluate", config) as run,
    ):
        evaluation = evaluate(scorer, dataset, rows)
        progress(1, 3)
        run.dataset(dataset, "testing", model)
        metrics = evaluation.metrics("test")
        run.metrics(key_figures(metrics), model=model, dataset=dataset)
        run.table("scores", score_rows(metrics))
        run.table("test_wells", evaluation.wells)
        run.table("test_patches", evaluation.patches)
        drawn = _figures(scorer, dataset, rows, evaluation)
        if scorer.has_encoder:
            seed = scorer.card.seed
            drawn[how], page = maps(scorer, dataset, rows, evaluation.patches, seed, how)
            run.note(f"figures/{how}.html", page)
        progress(2, 3)
        description = describe(scorer.card, evaluation, dataset.name)
        if explain:
            explanation = explain_wells(scorer, dataset, evaluation.wells, explain)
            run.table("explanation", explanation.table)
            drawn["explanation"] = explanation.draw()
            description += "\n\n" + "\n\n".join(explanation.lines())
        written = publish(drawn, run, figures)
        progress(3, 3)
        left_out = int(dataset.wells["sha256"].isin(scorer.card.seen).sum())
        if left_out:
            description += f"\n\nleft out {left_out} wells that the model was trained or tuned on"
        run.describe(f"{description}\n\n{first_look(drawn)}")
    # Written once the run has ended, so that the page says how.
    run.note("report.html", report(run.id))
    lines = [line for line in description.splitlines() if line]
    lines += [f"wrote {len(written)} files to {figures}"] if figures else []
    wells = sorted(evaluation.wells["well"])
    return Outcome(
        [*lines, f"run {run.id}"],
        {"run": run.id, "model": uri, "wells": wells, **metrics, "figures": written},
    )


def _figures(scorer: Scorer, dataset: Dataset, rows: Any, evaluation: Any) -> Figures:
    if scorer.card.kind == "autoencoder":
        return reconstruction_figure(scorer, dataset, rows)
    if scorer.card.kind == "regressor":
        return regressor_figures(evaluation)
    return classifier_figures(evaluation, scorer.card.classes)
