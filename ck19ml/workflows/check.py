"""Verify a dataset against its hashes, and name the damaged wells."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ck19ml.errors import PlateError
from ck19ml.plates.dataset.integrity import Damage, Findings, examine
from ck19ml.plates.dataset.store import AGAIN
from ck19ml.plates.folder import some
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar

NO_HASHES = (
    "note: written before datasets kept hashes of their masks, tables and dataset.json; their "
    f"bytes cannot be compared; {AGAIN} to have them"
)


def check_command(path: Path) -> Outcome:
    """Examine a dataset; the outcome has an error if something is damaged."""
    with bar(f"checking {path.name}") as progress:
        findings = examine(path, progress)
    wells = sorted({_name(damage) for damage in findings.damages if damage.well})
    lines = [f"{path}: {_sentence(findings, wells)}"]
    lines += [f"  {_place(damage)}: {damage.part}: {damage.what}" for damage in findings.damages]
    lines += [] if findings.hashed or findings.damages else [NO_HASHES]
    data = {
        "dataset": str(path),
        "sound": not findings.damages,
        "hashed": findings.hashed,
        "wells": findings.wells,
        "fields": findings.fields,
        "damaged_wells": wells,
        "damages": [asdict(damage) for damage in findings.damages],
    }
    return Outcome(lines, data, _error(path, findings.damages, wells))


def _sentence(findings: Findings, wells: Sequence[str]) -> str:
    size = f"{findings.fields} fields of {findings.wells} wells"
    if not findings.damages:
        return f"{size}, all sound"
    return f"{size}, {len(findings.damages)} damages, in {len(wells)} wells that can be named"


def _error(path: Path, damages: Sequence[Damage], wells: Sequence[str]) -> PlateError | None:
    if not damages:
        return None
    parts = dict.fromkeys(damage.part for damage in damages if not damage.well)
    found = [f"wells {some(list(wells))}"] if wells else []
    found += [f"{some(list(parts))} of the whole dataset"] if parts else []
    return PlateError(f"{path} is damaged: {' and '.join(found)}; {AGAIN}")


def _name(damage: Damage) -> str:
    return f"{damage.plate} {damage.well}"


def _place(damage: Damage) -> str:
    return f"{_name(damage)} field {damage.field}" if damage.well else "whole dataset"
