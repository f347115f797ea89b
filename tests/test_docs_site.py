"""The docs site as a reader with a window of 1280 x 800 pixels sees it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import NEEDS_BROWSER, Page
from tests.places import ROOT

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]

WIDTH, HEIGHT = 1280, 800

WIDE = """
return [...document.querySelectorAll('html, .md-content, pre, pre > code, .md-typeset__table')]
  .filter(part => part.clientWidth && part.scrollWidth > part.clientWidth)
  .map(part => part.innerText.slice(0, 80));
"""
"""Parts of a page that scroll sideways, by how they begin."""

ENDS = """
return [...document.querySelectorAll('.flow img, .md-content pre')].map(part => [
  part.tagName === 'IMG' ? part.src.split('/').pop() : part.innerText,
  part.complete === false || part.naturalWidth === 0 ? Infinity
    : part.getBoundingClientRect().bottom]);
"""
"""Pictures and commands of the home page, and where they end, in pixels from the top."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("docs") / "site"
    subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=ROOT, check=True, env=os.environ | {"NO_MKDOCS_2_WARNING": "true"},
    )  # fmt: skip
    return folder


@pytest.fixture(autouse=True)
def _view(page: Page) -> None:
    page.view(WIDTH, HEIGHT)


def test_the_home_page_shows_what_goes_in_and_what_comes_out(page: Page, site: Path) -> None:
    page.open((site / "index.html").as_uri())
    page.picture("docs-home")
    *pictures, (commands, end) = page.driver.execute_script(ENDS)
    assert [name for name, _ in pictures] == [
        "tutorial-layout.png", "tutorial-mask-gallery.png", "scores.png", "tutorial-hits.png",
    ]  # fmt: skip
    assert [line.split("#")[0].strip() for line in commands.strip().splitlines()] == [
        "make tune", "make test",
    ]  # fmt: skip
    assert max(end, *(bottom for _, bottom in pictures)) <= HEIGHT


def test_nothing_scrolls_sideways(page: Page, site: Path) -> None:
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 20
    wide = {}
    for path in pages:
        page.driver.get(path.as_uri())
        if found := page.driver.execute_script(WIDE):
            wide[str(path.relative_to(site))] = found
    assert wide == {}
