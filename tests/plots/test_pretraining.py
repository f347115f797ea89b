import pandas as pd

from ck19ml import plots


def test_each_arm_is_a_line_over_the_labelled_wells() -> None:
    rows = [
        {"arm": arm, "level": level, "labelled_wells": wells, "value": 0.5, "low": 0.4, "high": 0.7}
        for arm in ("frozen", "fine-tuned", "from scratch", "thresholds on overlap")
        for level in ("patch", "well")
        for wells in (9, 27, 90)
    ]
    figure = plots.pretraining(pd.DataFrame(rows))
    panels = figure.axes
    assert [axes.get_title(loc="left") for axes in panels] == ["patches", "wells"]
    assert len(panels[0].containers) == 4
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == ["9", "27", "90"]


def test_no_trainings_are_said_to_be_none() -> None:
    assert plots.pretraining(pd.DataFrame()).axes[0].texts
