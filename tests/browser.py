"""A headless Chromium that waits for what it is told to look at, and the UI that it looks at."""

import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.places import ROOT
from tests.ports import free_port

SCREENSHOTS = ROOT / "screenshots"
"""Kept after the tests; git ignores them."""

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
NEEDS_BROWSER = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None,
    reason="needs chromium and chromedriver (apt-get install chromium chromium-driver)",
)
PATIENCE_S = 240
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1600,1000",
)  # fmt: skip


class Page:
    """A browser that waits for what it is told to look at or to click."""

    def __init__(self, profile: Path) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        self.driver = webdriver.Chrome(options=options, service=Service(DRIVER))

    def open(self, address: str) -> None:
        """Open an address anew, and close what MLflow puts over it."""
        self.driver.get("about:blank")
        self.driver.get(address)

    def view(self, width: int, height: int) -> None:
        """Give the page itself, without the window's frame, a size in pixels."""
        self.driver.set_window_size(width, height)
        inner = self.driver.execute_script("return [innerWidth, innerHeight]")
        self.driver.set_window_size(2 * width - inner[0], 2 * height - inner[1])

    def all(self, path: str) -> list[Any]:
        return list(self.driver.find_elements("xpath", path))

    def find(self, path: str) -> Any:
        """Wait for the last element at an XPath."""
        return self.until(lambda: (self.all(path) or [None])[-1], path)

    def until(self, condition: Any, what: str) -> Any:
        from selenium.common.exceptions import WebDriverException

        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            try:
                found = condition()
                if found:
                    return found
            except WebDriverException:
                pass  # the page is being drawn anew
            time.sleep(0.5)
        self.picture("failed")
        raise AssertionError(f"not seen within {PATIENCE_S} s: {what}")

    def click(self, path: str) -> None:
        def clicked() -> bool:
            self.find(path).click()
            return True

        self.until(clicked, f"a click on {path}")

    def click_text(self, text: str) -> None:
        self.click(f"//*[normalize-space(text())='{text}']")

    def dismiss(self) -> None:
        """Close the assistant's panel, which hides half of the page."""
        for button in self.all("//button[contains(@aria-label,'lose')]"):
            if button.is_displayed():
                button.click()

    @property
    def text(self) -> str:
        return str(self.driver.find_element("tag name", "body").text)

    def picture(self, name: str) -> Path:
        SCREENSHOTS.mkdir(exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        self.driver.save_screenshot(str(path))
        return path


@dataclass(frozen=True)
class Served:
    """A running UI: where it is, and the address of the runs that it printed."""

    base: str
    runs: str


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    """Run `ck19ml ui` on the SQLite store of a folder."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ck19ml", "ui", "--port", str(port)],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    base = f"http://127.0.0.1:{port}"
    try:
        assert process.stdout is not None
        first, second = process.stdout.readline(), process.stdout.readline()
        assert f"MLflow UI on {base} (store: sqlite" in first
        _wait_for(base, process)
        yield Served(base, second.removeprefix("runs: ").strip())
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _wait_for(address: str, process: subprocess.Popen[str]) -> None:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        assert process.poll() is None, "the UI ended before it answered"
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310
                return
        except (OSError, urllib.error.URLError):
            time.sleep(1)
    raise AssertionError(f"no answer from {address} within {PATIENCE_S} s")
