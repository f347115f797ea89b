"""The work of `screen`, once its input has been checked."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ck19ml.files.writing import write_csv
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry, runs
from ck19ml.tracking.assays import dataset_assay
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.reporting.scores import key_figures, score_rows
from ck19ml.workflows.screening.analysis import Screen, screen_dataset, screen_metrics
from ck19ml.workflows.screening.figures import screen_figures
from ck19ml.workflows.screening.other_masks import mask_lines, under_masks
from ck19ml.workflows.screening.score import score_meaning
from ck19ml.workflows.screening.text import confounding_lines, screen_lines
from ck19ml.workflows.steps.figures import publish
from ck19ml.workflows.steps.gate import champion_for


def screen_model(
    uri: str,
    dataset: Dataset,
    out: Path | None,
    *,
    target: str,
    reference: str,
    fdr: float,
    least_ssmd: float,
    masks: Sequence[str] = (),
) -> Outcome:
    """Screen the compounds of a dataset, in a tracked run."""
    uri = champion_for(uri, dataset_assay(dataset))
    scorer, model = registry.open_model(uri)
    meaning = score_meaning(scorer.card, target, reference)
    config: dict[str, Any] = {"model": uri, "dataset": str(dataset.path), "target": meaning.target}
    config |= {"reference": meaning.reference, "fdr": fdr, "least_ssmd": least_ssmd}
    config |= {"masks": ", ".join(masks)} if masks else {}
    others = {name: under_masks(name, dataset) for name in masks}
    plates = ", ".join(sorted(set(dataset.table["plate"].astype(str))))
    name = f"screen {plates} by {scorer.card.kind}"
    with runs.start(name, "screen", config) as run:
        with bar(f"scoring {dataset.name}") as progress:
            screen = screen_dataset(scorer, dataset, meaning, fdr, least_ssmd, progress, others)
        metrics = screen_metrics(screen)
        run.dataset(dataset, "testing", model)
        run.metrics(key_figures(metrics), model=model, dataset=dataset)
        run.table("scores", score_rows(metrics))
        for table_name, table in screen.tables.items():
            run.table(table_name, table)
        written = publish(screen_figures(screen), run, out)
        lines = [*screen_lines(screen), *confounding_lines(dataset)]
        if len(screen.masks):
            used = [dataset.parameters["mask"], *others]
            lines += mask_lines(screen.hits, used, scorer.card)
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
