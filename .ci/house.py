"""Fail on a folder of the package with too many files.

import-linter checks directions and circles of imports; its contracts are in `pyproject.toml`.
"""

import sys
from pathlib import Path

PACKAGE = "ck19ml"
ROOMS = 15
"""Entries at the package's root, with `__init__.py`, `__main__.py` and `py.typed`."""

FILES = 16
"""Python files in a folder."""

MORE_FILES = {"ck19ml/workflows": 24, "ck19ml/plots": 24}
"""Folders that hold one file a command, or one a kind of figure."""


def crowded() -> list[str]:
    """List folders that hold more than they may."""
    root = Path(PACKAGE)
    entries = [path for path in root.iterdir() if path.name != "__pycache__"]
    found = [f"{root}: {len(entries)} entries, at most {ROOMS}"] if len(entries) > ROOMS else []
    for folder in sorted({path.parent for path in root.rglob("*.py")}):
        count, limit = len(list(folder.glob("*.py"))), MORE_FILES.get(str(folder), FILES)
        if count > limit:
            found.append(f"{folder}: {count} Python files, at most {limit}")
    return found


if __name__ == "__main__":
    problems = crowded()
    print("\n".join(problems) or f"{PACKAGE}: no crowded folder")
    sys.exit(bool(problems))
