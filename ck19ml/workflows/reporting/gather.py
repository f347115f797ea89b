"""Gather what the page about a run shows."""

import json
import re
from base64 import b64encode
from dataclasses import replace
from pathlib import PurePosixPath
from typing import Any

import pandas as pd

from ck19ml import __version__
from ck19ml.files.csv_text import read_csv
from ck19ml.tracking.run_records import Record, model_uris, newest_finished, read_record
from ck19ml.tracking.runs import HEAD, Run
from ck19ml.tracking.server import lost_in_one_line
from ck19ml.workflows.reporting.captions import caption, in_order
from ck19ml.workflows.reporting.caveats import caveats, dataset_info
from ck19ml.workflows.reporting.page import Listing, ListRow, Page, Pairs, Picture, render
from ck19ml.workflows.reporting.scores import from_rows, number, score_tables

MOST_HITS = 25
SCORES = "scores.csv"
HIT_COLUMNS = {
    "rank": "rank",
    "plate": "plate",
    "stimulation": "stimulation",
    "compound": "compound",
    "concentration_um": "µM",
    "wells": "wells",
    "score_effect": "effect on the score",
    "score_ssmd": "SSMD",
    "score_q": "q",
    "score_holds": "holds under all masks",
    "cells_dc_effect": "DCs gained",
    "cells_tcell_effect": "T cells gained",
    "toxic": "toxic",
    "overlap_effect": "effect on the overlap",
    "overlap_q": "q of the overlap",
    "tcell_overlap_holds": "T-cell overlap holds",
}


@lost_in_one_line()
def report(identifier: str) -> str:
    """Write one self-contained HTML page about a run.

    Raises
    ------
    TrackingError
        If the store has no such run, or is lost.
    """
    record = _with_scores(read_record(identifier))
    info = dataset_info(record)
    took = "" if record.seconds is None else f", took {_duration(record.seconds)}"
    page = Page(
        title=record.name,
        subtitle=f"{record.kind or 'run'} {record.run.id}, {record.state}, started "
        f"{record.started:%Y-%m-%d %H:%M} UTC{took}",
        description=_plain(record.tags.get("mlflow.note.content", "")),
        facts=_facts(record, info),
        scores=score_tables(record.metrics),
        caveats=caveats(record, info),
        listings=[found for found in (_hits(record), _doubtful(record)) if found],
        pictures=_pictures(record),
        settings=_settings(record),
    )
    return render(page)


def _with_scores(record: Record) -> Record:
    """Add the scores that are not metrics; runs of 0.2.0 and before have them all there."""
    if SCORES not in record.artifacts:
        return record
    scores = from_rows(read_csv(record.run.text(SCORES) or "", ["name"]))
    return replace(record, metrics=record.metrics | scores)


def _plain(markdown: str) -> str:
    """Remove Markdown that plain text cannot show: bold, tables, and empty lines."""
    rows = markdown.replace("**", "").replace(HEAD, "")
    listed = re.sub(r"(?m)^\| (.+) \| (.+) \|$", r"- \1: \2", rows)
    return "\n".join(line for line in listed.splitlines() if line.strip())


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _facts(record: Record, info: dict[str, Any] | None) -> Pairs:
    facts = [("command", f"ck19ml {record.kind}")] if record.kind else []
    facts += [("experiment", record.experiment)]
    if "model" in record.params:
        facts.append(("model", record.params["model"]))
    for given in record.inputs:
        facts.append(("dataset", f"{given.name}, content hash {given.content_hash}"))
        facts.append(("where it was", given.source))
    if info is not None:
        facts.append(("prepared from", _several(info.get("source", "unknown"))))
    facts += [(key, value) for key, value in record.params.items() if key.split(".")[-1] == "seed"]
    commit = record.tags.get("mlflow.source.git.commit", "not recorded")
    facts += [("git commit", commit)]
    facts += [("software", f"ck19ml {record.tags.get('ck19ml.version', 'unknown')}")]
    return [*facts, ("this page", f"ck19ml report {record.run.id}, ck19ml {__version__}")]


def _several(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _pictures(record: Record) -> list[Picture]:
    files = {
        path.stem: path
        for path in map(PurePosixPath, record.artifacts)
        if path.parts[:1] == ("figures",) and path.suffix == ".png"
    }
    made = []
    for name in in_order(list(files)):
        content = record.run.download(str(files[name])).read_bytes()
        uri = "data:image/png;base64," + b64encode(content).decode("ascii")
        made.append(Picture(name, uri, caption(name)))
    return made


def _hits(record: Record) -> Listing | None:
    if record.kind == "screen":
        return _hit_table(record.run, "Of this run")
    screen = newest_finished("screen", model_uris(record))
    return None if screen is None else _hit_table(screen, _linked(screen))


def _linked(screen: Run) -> str:
    return f"Of run {screen.id}, the newest screen by the model of this run"


def _hit_table(run: Run, where: str) -> Listing | None:
    text = run.text("hits.csv")
    if text is None:
        return None
    table = read_csv(text, ["plate", "stimulation", "compound"])
    columns = [name for name in HIT_COLUMNS if name in table.columns]
    called = table.get("score_hit", pd.Series(False, index=table.index)).astype(bool)
    head = table.head(MOST_HITS)
    rows = [
        ListRow([_cell(row[name]) for name in columns], bool(called.iloc[index]))
        for index, row in enumerate(head.to_dict(orient="records"))
    ]
    note = (
        f"{where}: {int(called.sum())} hits by the score among {len(table)} tests, in bold"
        f"{_lost(table, called)}; the "
        f"first {len(rows)} rows of hits.csv. A negative effect lowers the interaction."
    )
    return Listing("Hit list", note, [HIT_COLUMNS[name] for name in columns], rows)


def _doubtful(record: Record) -> Listing | None:
    """List the fields that `prepare` flagged."""
    if record.kind != "prepare" or "fields.csv" not in record.artifacts:
        return None
    table = read_csv(record.run.text("fields.csv") or "", ["plate", "well", "field", "flagged"])
    found = table[table["flagged"].notna()]
    note = (
        f"{len(found)} of {len(table)} fields are doubtful; they stay in the dataset. The first "
        f"{min(len(found), MOST_HITS)} are listed, and the figure wells_to_look_at shows some."
    )
    columns = ["plate", "well", "field", "flagged"]
    rows = [ListRow([str(row[name]) for name in columns], False)
            for row in found.head(MOST_HITS).to_dict(orient="records")]  # fmt: skip
    return Listing("Wells to look at", note, columns, rows)


def _lost(table: pd.DataFrame, called: "pd.Series[bool]") -> str:
    """Return how many hits lose cells, as text; empty for the tables of former versions."""
    if "toxic" not in table:
        return ""
    return f" ({int((called & table['toxic'].astype(bool)).sum())} of them toxic)"


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if pd.isna(value) else number(value)
    return str(value)


def _settings(record: Record) -> list[tuple[str, Pairs]]:
    versions: Pairs = []
    text = record.run.text("environment.json") if "environment.json" in record.artifacts else None
    if text is not None:
        versions = sorted((str(key), str(value)) for key, value in json.loads(text).items())
    metrics = [
        (name, number(value))
        for name, value in sorted(record.metrics.items())
        if not name.startswith("system/")
    ]
    named = (
        ("Config", sorted(record.params.items())),
        ("Package versions", versions),
        ("All scores and metrics", metrics),
        ("Other files of the run", [(path, "") for path in record.artifacts]),
    )
    return [(title, values) for title, values in named if values]
