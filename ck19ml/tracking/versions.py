"""What the gate writes on the versions of a registered model, and reads of others."""

from collections.abc import Iterable

from ck19ml.tracking.registry import Version
from ck19ml.tracking.runs import Run
from ck19ml.tracking.server import client

GATE = "gate"
"""Tag of a version: what it asks for, or what became of it."""

BETTER, ALWAYS, PROMOTED, KEPT = "if better", "always", "promoted", "not promoted"


def mark(version: Version, word: str) -> Version:
    """Write on a version where it stands at the gate."""
    client().set_model_version_tag(version.name, version.number, GATE, word)
    return Version(version.name, version.number, version.run, version.tags | {GATE: word})


def describe(version: Version, sentence: str) -> None:
    """Add a sentence to the description of a version."""
    known = client().get_model_version(version.name, version.number).description or ""
    text = f"{known}\n\n{sentence}".strip()
    client().update_model_version(version.name, version.number, text)


def at_gate(name: str, marks: Iterable[str] = (BETTER, ALWAYS, PROMOTED)) -> list[Version]:
    """Versions of a model with one of these marks, the first registered first."""
    wanted = set(marks)
    found = [
        Version(name, str(each.version), Run(each.run_id), dict(each.tags))
        for each in client().search_model_versions(f"name = '{name}'")
        if each.tags.get(GATE) in wanted
    ]
    return sorted(found, key=lambda version: int(version.number))
