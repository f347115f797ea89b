"""Write a page about a run.

What costs nothing to check is checked here, before MLflow is loaded.
"""

from pathlib import Path

from ck19ml.files.writing import replacing, require_new
from ck19ml.workflows.outcome import Outcome


def report_command(identifier: str, out: Path, *, overwrite: bool) -> Outcome:
    """Write one self-contained HTML page about a run."""
    require_new(out, overwrite=overwrite)
    from ck19ml.workflows.reporting.gather import report

    page = report(identifier)
    with replacing(out) as made:
        made.write_text(page, encoding="utf-8")
    return Outcome([f"{out}: report on run {identifier}"], {"run": identifier, "out": str(out)})
