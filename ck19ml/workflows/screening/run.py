"""The work of `screen`, once its input has been checked."""

from pathlib import Path
from typing import Any

import numpy as np

from ck19ml.errors import PlateError
from ck19ml.files.writing import write_csv
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry, runs
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.screening.analysis import Screen, analyse, screen_metrics
from ck19ml.workflows.screening.figures import screen_figures
from ck19ml.workflows.screening.score import logistic_scores, patch_scores, score_meaning
from ck19ml.workflows.screening.tables import well_table
from ck19ml.workflows.screening.text import confounding_lines, screen_lines
from ck19ml.workflows.screening.truth import find_truth
from ck19ml.workflows.steps.figures import publish


def screen_model(
    uri: str,
    dataset: Dataset,
    out: Path | None,
    *,
    target: str,
    reference: str,
    fdr: float,
    least_ssmd: float,
) -> Outcome:
    """Screen the compounds of a dataset, in a tracked run."""
    scorer, model = registry.open_model(uri)
    meaning = score_meaning(scorer.card, target, reference)
    if dataset.table["faulty"].all():
        raise PlateError(f"all patches in {dataset.path} are faulty; prepare other wells")
    config: dict[str, Any] = {"model": uri, "dataset": str(dataset.path), "target": meaning.target}
    config |= {"reference": meaning.reference, "fdr": fdr, "least_ssmd": least_ssmd}
    plates = ", ".join(sorted(set(dataset.table["plate"].astype(str))))
    name = f"screen {plates} by {scorer.card.kind}"
    with runs.start(name, "screen", config) as run:
        with bar(f"scoring {dataset.name}") as progress:
            scores = patch_scores(scorer, dataset, meaning, progress)
        every = dataset.with_counts(np.arange(len(dataset.table)))
        wells = well_table(every, scores, logistic_scores(scorer.card, every, meaning))
        wells.insert(7, "seen", dataset.seen(wells, scorer.card.seen))
        screen = analyse(wells, meaning, fdr, least_ssmd, find_truth(dataset), scorer.card.seed)
        metrics = screen_metrics(screen)
        run.dataset(dataset, "testing", model)
        run.metrics(key_figures(metrics), model=model, dataset=dataset)
        run.table("scores", score_rows(metrics))
        for table_name, table in screen.tables.items():
            run.table(table_name, table)
        written = publish(screen_figures(screen), run, out)
        lines = [*screen_lines(screen), *confounding_lines(dataset)]
        run.describe("\n\n".join(lines))
    for table_name, table in screen.tables.items() if out else ():
        write_csv(table, _in(out, f"{table_name}.csv"))
        written.append(str(_in(out, f"{table_name}.csv")))
    lines += [f"wrote {len(written)} files to {out}"] if out else []
    data = {"run": run.id, "model": uri, "target": meaning.target, **metrics, "files": written}
    return Outcome([*lines, f"run {run.id}"], data | {"hits": _called(screen)})


def _in(folder: Path | None, name: str) -> Path:
    return (folder or Path()) / name


def _called(screen: Screen) -> list[dict[str, Any]]:
    if screen.hits.empty:
        return []
    table = screen.hits[screen.hits["score_hit"]]
    columns = ["stimulation", "compound", "concentration_um", "score_ssmd", "score_q"]
    # JSON has no NaN.
    rows = table[columns].astype(object).where(table[columns].notna(), None)
    return list(rows.to_dict(orient="records"))
