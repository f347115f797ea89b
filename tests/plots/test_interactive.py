import base64
import json
import re
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ck19ml.plots import interactive

POINTS = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0], [6.0, 7.0]])
TABLE = pd.DataFrame(
    {
        "plate": "CK19",
        "well": ["A03", "A04", "B03", "B04"],
        "stimulation": ["ConA", "OVA", "ConA", None],
        "compound": ["7", "<img src=x onerror=alert(1)>", "", None],
        "concentration_um": [10.0, 0.003, np.nan, np.nan],
        "overlap": [0.0, 0.5, np.nan, 0.25],
        "predicted_overlap": [-0.01, 0.125, 0.1, 0.1],
    }
)
PICTURES = [f"data:image/jpeg;base64,AAA{row}" for row in range(4)]


def opened(uri: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))


def columns(page: str) -> list[dict[str, list[object]]]:
    """What the page's point sources hold, a source a stimulation."""
    content = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert content is not None
    text = content[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    found: list[dict[str, list[object]]] = []

    def walk(part: object) -> None:
        if isinstance(part, dict):
            if part.get("name") == "ColumnDataSource":
                found.append(dict(part["attributes"]["data"]["entries"]))
            for value in part.values():
                walk(value)
        elif isinstance(part, list):
            for value in part:
                walk(value)

    walk(json.loads(text.replace("&quot;", '"').replace("&#x27;", "'")))
    return found


def test_a_thumbnail_is_the_patch_in_small() -> None:
    patches = np.zeros((2, 192, 192, 2), np.float32)
    patches[0, :96, :, 0] = 1.0  # DCs above
    patches[1, :, 96:, 1] = 0.5  # T cells right
    first, second = (np.asarray(opened(uri), int) for uri in interactive.thumbnails(patches))
    assert first.shape == (96, 96, 3)
    assert first[10, 50] == pytest.approx([255, 0, 0], abs=6)
    assert first[80, 50] == pytest.approx([0, 0, 0], abs=6)
    assert second[50, 80] == pytest.approx([0, 128, 0], abs=6)
    assert second[50, 10] == pytest.approx([0, 0, 0], abs=6)


def test_small_patches_are_not_enlarged() -> None:
    assert opened(interactive.thumbnails(np.zeros((1, 16, 24, 2)))[0]).size == (24, 16)


def test_the_page_carries_each_point_s_picture_and_values() -> None:
    sources = columns(interactive.interactive_map(POINTS, TABLE, PICTURES))
    points = [source for source in sources if "picture" in source]
    # OVA before ConA, as everywhere; the row without an overlap is left out.
    assert [source["picture"] for source in points] == [
        [PICTURES[1]], [PICTURES[0]], [PICTURES[3]],
    ]  # fmt: skip
    assert points[1]["text"] == [
        "plate: CK19\nwell: A03\nstimulation: ConA\ncompound: 7\nconcentration: 10 µM\n"
        "true overlap: 0.00 %\npredicted overlap: −1.00 %"
    ]
    assert "concentration: 0.003 µM" in str(points[0]["text"][0])
    assert points[2]["text"] == [
        "plate: CK19\nwell: B04\ntrue overlap: 25.00 %\npredicted overlap: 10.00 %"
    ]


def test_the_area_of_a_point_grows_with_the_overlap() -> None:
    sizes = interactive._diameter([-0.1, 0.0, 0.5, 1.0, 2.0])
    assert sizes == pytest.approx([7, 7, np.sqrt((49 + 42**2) / 2), 42, 42])


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_of_the_layout() -> None:
    page = interactive.interactive_map(POINTS, TABLE, PICTURES, title="</title><b>x")
    assert re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.?http", page) == []
    assert "<img src=x" not in page
    assert "</title><b>x" not in page


def test_many_patches_stay_below_25_mb_even_where_they_are_noise() -> None:
    noise = np.random.default_rng(0).random((20, 192, 192, 2))
    pictures = interactive.thumbnails(noise)
    table = TABLE.iloc[[0]].sample(5000, replace=True, random_state=0)
    page = interactive.interactive_map(np.zeros((5000, 2)), table, pictures * 250)
    assert len(page.encode()) < 25e6


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"missing \{'well'\}"):
        interactive.interactive_map(POINTS, TABLE.drop(columns="well"), PICTURES)
    with pytest.raises(ValueError, match=r"found \(4, 2\) and 3"):
        interactive.interactive_map(POINTS, TABLE, PICTURES[:3])
    empty = interactive.interactive_map(np.zeros((0, 2)), TABLE[:0], [])
    assert "(n = 0)" in empty
