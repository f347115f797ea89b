import numpy as np
import pandas as pd
import pytest

from ck19ml.core.simulation.contact import MEASURES, separation
from ck19ml.plots import contact_measures


@pytest.fixture
def wells() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = []
    for masks in ("truth", "otsu"):
        for density in ("low", "high"):
            for index in range(8):
                contact = index / 7
                rows.append(
                    {"masks": masks, "density": density, "control": index in (0, 1, 6, 7),
                     "stimulation": "ConA" if index > 3 else "Unstimulated", "contact": contact}
                    | {name: contact + 0.1 * rng.random() for name in MEASURES}
                )  # fmt: skip
    return pd.DataFrame(rows)


def test_rows_are_masks_and_columns_measures(wells: pd.DataFrame) -> None:
    figure = contact_measures(wells, separation(wells), MEASURES)
    panels = figure.axes
    assert len(panels) == 2 * len(MEASURES)
    assert [panel.get_title(loc="left") for panel in panels[:4]] == list(MEASURES.values())
    assert panels[0].get_ylabel() == "masks: truth"
    assert panels[4].get_ylabel() == "masks: otsu"
    for panel in panels:
        assert [len(line.get_xdata()) for line in panel.lines] == [8, 8]


def test_each_panel_says_its_scores(wells: pd.DataFrame) -> None:
    scores = separation(wells)
    figure = contact_measures(wells, scores, MEASURES)
    first = scores.query("masks == 'truth' and density == 'all'").iloc[0]
    text = figure.axes[0].texts[0].get_text()
    assert f"{first['spearman']:.2f}" in text
    assert f"{first['z_prime']:.2f}" in text
