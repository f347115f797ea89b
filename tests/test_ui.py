"""The MLflow UI as somebody uses it: a real server on a real store, in headless Chromium."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ck19ml import plots
from ck19ml.plots.interactive import interactive_map, thumbnails
from tests.browser import NEEDS_BROWSER, PATIENCE_S, Page, Served, serve
from tests.conftest import tracking_store

RUNS = {
    "classifier frozen": (64, False, 0.600),
    "classifier fine-tuned": (128, False, 0.767),
    "classifier frozen, masked": (64, True, 0.700),
}
"""Units of the head, whether images are masked, and the share of wells answered rightly."""

BEST = "classifier fine-tuned"

pytestmark = [pytest.mark.slow, NEEDS_BROWSER]


def make_runs() -> None:
    """Three finished runs with parameters, metrics and figures; the best has the champion."""
    from ck19ml.networks import architectures, training
    from ck19ml.networks.scorer import Card, Scorer
    from ck19ml.tracking import registry, runs

    card = Card(
        kind="classifier", classes=["Unstimulated", "OVA", "ConA"], patch_size=16, background=255,
        bit_depth=12, mask="otsu", masked=False, interaction_threshold=0.2,
        wells={"train": ["a"], "validation": ["b"], "test": ["c"]},
        dataset={"name": "tiny", "content_hash": "0123"}, seed=7, software="ck19ml 0",
    )  # fmt: skip
    training.seed_everything(7)
    encoder = architectures.build_encoder("compact", 16)
    head = architectures.build_classifier_head(
        architectures.feature_shape(encoder), classes=3, units=8, depth=1, dropout=0.0,
        normalise=True, pooled=True,
    )  # fmt: skip
    scorer = Scorer(architectures.join(encoder, head), card)
    counts = np.array([[8, 2, 0], [3, 6, 1], [0, 1, 9]])
    for name, (units, masked, accuracy) in RUNS.items():
        config = {"head": {"units": units, "depth": 1}, "masked": masked, "seed": 2211}
        with runs.start(name, "classifier", config) as run:
            run.metrics(
                {
                    "test/well_accuracy": accuracy,
                    "test/well_accuracy_low": accuracy - 0.15,
                    "test/well_accuracy_high": accuracy + 0.13,
                    "test/baseline_overlap_well_accuracy": 0.633,
                    "test/accuracy": accuracy - 0.15,
                }
            )
            run.figure("confusion", plots.confusion(counts, card.classes, title="Wells"))
            run.describe(f"The classifier scores **{accuracy}** of wells, a baseline 0.633.")
            if name == BEST:
                run.note("figures/umap.html", one_patch())
                version = registry.log_model(run, scorer, "ck19-classifier", {}, "key figures")
                registry.promote(version)


def one_patch() -> str:
    """A map of one patch, so that the mouse finds it in the middle."""
    patch = np.zeros((1, 96, 96, 2))
    patch[0, 20:60, 20:60, 0] = 1
    patch[0, 40:80, 40:80, 1] = 1
    table = pd.DataFrame({"well": ["A03"], "stimulation": ["ConA"], "overlap": [1.0],
                          "predicted_overlap": [0.25], "compound": ["36"]})  # fmt: skip
    return interactive_map([[0.0, 0.0]], table, thumbnails(patch))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with tracking_store(tmp_path_factory.mktemp("ui")) as folder:
        make_runs()
        with serve(folder) as found:
            yield found


def listed(page: Page) -> list[str]:
    """Names of the runs from top to bottom."""
    links = [link for link in page.all("//a[contains(@href,'/runs/')]") if link.text in RUNS]
    return [link.text for link in sorted(links, key=lambda link: link.location["y"])]


BY_ACCURACY = sorted(RUNS, key=lambda name: -RUNS[name][2])


def test_three_runs_are_sorted_selected_and_compared(page: Page, served: Served) -> None:
    page.open(f"{served.base}/#/experiments")
    page.click_text("Model training")
    page.click("//a[normalize-space(.)='Default']")
    page.until(lambda: len(listed(page)) == 3, "three runs")
    page.dismiss()
    page.click("//button[starts-with(normalize-space(.),'Sort:')]")
    page.click_text("test/well_accuracy")
    page.until(lambda: listed(page) == BY_ACCURACY, "the best run on top")
    page.picture("mlflow-sorted")
    page.driver.execute_script(
        "arguments[0].click()", page.find("//input[@aria-label='Select all runs']")
    )
    page.click("//button[normalize-space(.)='Compare']")
    page.find("//*[contains(text(),'Comparing 3 Runs')]")
    for said in (*RUNS, "head.units", "masked", "test/well_accuracy", "0.767", "0.633"):
        page.until(lambda said=said: said in page.text, f"{said} on the page of comparison")
    side_by_side = page.find("//tr[.//*[normalize-space(text())='head.units']]").text.split()
    assert sorted(side_by_side) == sorted(["head.units", "64", "128", "64"])
    page.driver.execute_script(
        "arguments[0].scrollIntoView()", page.find("//*[normalize-space(text())='Run details']")
    )
    page.picture("mlflow-compare")


def test_the_printed_address_shows_the_best_run_first(page: Page, served: Served) -> None:
    page.open(served.runs)
    page.until(lambda: listed(page) == BY_ACCURACY, "the best run on top")
    page.dismiss()
    page.find("//*[@role='columnheader'][contains(.,'test/well_accuracy')]")
    page.picture("mlflow-key-figures")


def open_figures(page: Page, served: Served) -> None:
    page.open(served.runs)
    page.click(f"//a[normalize-space(.)='{BEST}']")
    page.click_text("Artifacts")
    page.click_text("figures")


def test_a_figure_of_a_run_is_seen(page: Page, served: Served) -> None:
    open_figures(page, served)
    page.click_text("confusion.png")
    width = "return Math.max(0, ...[...document.images].map(image => image.naturalWidth))"
    page.until(lambda: page.driver.execute_script(width) > 500, "the picture")
    page.picture("mlflow-figure")


def test_the_map_shows_a_patch_under_the_mouse_inside_of_mlflow(page: Page, served: Served) -> None:
    from selenium.webdriver.common.action_chains import ActionChains

    open_figures(page, served)
    page.click_text("umap.html")
    frame = page.find("//iframe")
    page.driver.switch_to.frame(frame)
    try:
        place = page.until(lambda: page.driver.execute_script(WHERE), "the point of the map")
        ActionChains(page.driver).move_to_element_with_offset(
            page.find("//body"), *offset(page, place)
        ).perform()
        tip = page.until(lambda: page.driver.execute_script(TIP), "the patch under the mouse")
    finally:
        page.driver.switch_to.default_content()
    page.picture("mlflow-umap")
    assert tip["text"].split("\n") == [
        "well: A03", "stimulation: ConA", "compound: 36", "true overlap: 100.00 %",
        "predicted overlap: 25.00 %",
    ]  # fmt: skip
    assert tip["picture"].startswith("data:image/jpeg;base64,")
    assert tip["width"] == 96


WHERE = """
const plot = [...Bokeh.index][0].child_views.find(view => view.model.renderers.length);
const data = plot.model.renderers[0].data_source.data, box = plot.el.getBoundingClientRect();
return [plot.frame.x_scale.compute(data.x[0]) + box.left,
        plot.frame.y_scale.compute(data.y[0]) + box.top];
"""
"""Where Bokeh draws the first point, in pixels of the page."""

TIP = """
const found = [];
(function walk(node) {
  for (const image of node.querySelectorAll('img'))
    if (image.src.startsWith('data:image/jpeg') && image.complete) found.push(image);
  for (const inner of node.querySelectorAll('*')) if (inner.shadowRoot) walk(inner.shadowRoot);
})(document);
if (!found.length) return null;
return {picture: found[0].src, width: found[0].naturalWidth,
        text: found[0].nextElementSibling.innerText};
"""
"""What Bokeh shows under the mouse: it lies in shadow trees."""


def offset(page: Page, place: list[float]) -> tuple[int, int]:
    """From the middle of the body, which is where selenium counts from."""
    box = page.driver.execute_script(
        "const box = document.body.getBoundingClientRect();"
        "return [box.left + box.width / 2, box.top + box.height / 2]"
    )
    return round(place[0] - box[0]), round(place[1] - box[1])


def test_the_registered_model_shows_its_alias(page: Page, served: Served) -> None:
    page.open(f"{served.base}/#/models")
    page.find("//a[normalize-space(.)='ck19-classifier']")
    page.dismiss()
    page.click("//a[normalize-space(.)='ck19-classifier']")
    page.until(lambda: "champion" in page.text and "Version 1" in page.text, "champion")
    page.picture("mlflow-model")


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "ck19ml", "ui", "--port", str(port)],
            capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE_S,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.splitlines() == [f"error: port {port} is in use; choose another with --port"]
