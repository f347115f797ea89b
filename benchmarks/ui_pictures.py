"""Take the docs' pictures of MLflow's pages, of the runs in a folder's own store.

Run `python -m benchmarks.ui_pictures FOLDER docs/images`: the newest tuning, the runs that scored
wells beside each other, and the models with their scores on each dataset.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

from mlflow import MlflowClient
from PIL import Image

from tests.browser import Page, serve

WIDTH, HEIGHT = 1280, 800
ASIDE = "document.querySelector('.ag-body-horizontal-scroll-viewport').scrollLeft = 400"
"""Scroll the table to the models' names in the registry and their scores on the first dataset."""
DRAWN_S = 10
"""Time for a page to be drawn, once its text is there."""


def look(page: Page, name: str) -> None:
    """Bring what a picture is about into sight."""
    if name == "run":
        page.click_text("Show more")
    elif name == "models":
        page.driver.execute_script(ASIDE)
    time.sleep(1)


def main() -> None:
    """Write ``ui-run.png``, ``ui-compare.png`` and ``ui-models.png``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path, help="folder with mlflow.db")
    parser.add_argument("images", type=Path)
    options = parser.parse_args()
    client = MlflowClient(f"sqlite:///{options.store.resolve()}/mlflow.db")
    (experiment,) = [e.experiment_id for e in client.search_experiments() if e.name != "Default"]
    runs = client.search_runs([experiment], "metrics.`test/well_accuracy` >= 0")
    tuned = next(run for run in runs if run.data.tags["ck19ml.kind"] == "tune")
    scored = [run for run in runs if run.data.tags["ck19ml.kind"] != "trial"][:4]
    ids = quote(json.dumps([run.info.run_id for run in scored]))
    known = f"/experiments/{experiment}"
    with serve(options.store) as served, tempfile.TemporaryDirectory() as profile:
        at = f"{served.base}/#"
        pages = {
            "run": (f"{known}/runs/{tuned.info.run_id}", "Description"),
            "compare": (
                f"/compare-runs?runs={ids}&experiments=[%22{experiment}%22]",
                "Run details",
            ),
            "models": (f"{known}/models?workflowType=machine_learning", "Ready"),
        }
        page = Page(Path(profile))
        for name, (path, text) in pages.items():
            page.view(3 * WIDTH // 2 if name == "models" else WIDTH, HEIGHT)
            page.open(at + path)
            page.until(lambda text=text: text in page.text, text)
            page.dismiss()
            time.sleep(DRAWN_S)
            look(page, name)
            target = options.images / f"ui-{name}.png"
            page.driver.save_screenshot(str(target))
            few = Image.open(target).convert("P", palette=Image.Palette.ADAPTIVE)
            few.save(target, optimize=True)
        page.driver.quit()


if __name__ == "__main__":
    main()
