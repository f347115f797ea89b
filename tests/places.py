"""Where the project and the reference data lie."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT.parent / "shared" / "reference"
