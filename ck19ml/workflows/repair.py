"""Runs that a dead process left running: each command ends them before it starts its own."""

from ck19ml.tracking import orphans
from ck19ml.workflows.progress import say


def repair_runs() -> None:
    """End the runs whose process died, and say so."""
    found = orphans.repair()
    if found:
        names = ", ".join(f"{run.name} ({run.id[:8]})" for run in found)
        say(f"tracking: {len(found)} runs whose process died are KILLED now: {names}")
