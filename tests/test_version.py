import yaml

import ck19ml
from tests.places import ROOT


def test_the_citation_and_the_changelog_name_this_version() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert cited["version"] == ck19ml.__version__
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = next(
        line for line in changes.splitlines() if line.startswith("## [") and "Unrel" not in line
    )
    assert f"[{ck19ml.__version__}]" in newest
