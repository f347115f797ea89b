"""Figure of what a trained encoder brings."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ck19ml.plots import style

_LOOKS = {
    "frozen": ("o-", style.BLUE),
    "fine-tuned": ("s-", style.VERMILLION),
    "from scratch": ("^-", style.PURPLE),
}
_RULES = (("D:", "#555555"), ("x:", "#999999"))
_PLURALS = {"patch": "patches", "well": "wells"}


@style.styled
def pretraining(table: pd.DataFrame) -> Figure:
    """Draw accuracy over the number of labelled wells, an arm a line, a panel a level.

    Parameters
    ----------
    table : DataFrame
        One row a training: arm (str), level (``patch`` or ``well``), labelled_wells (int),
        value, low, high (fractions; the 95 % interval over test wells). Repeats are averaged,
        and so are the ends of their intervals. Arms that are no network are drawn dotted.
    """
    if table.empty:
        return style.empty_figure("no trainings")
    levels = list(dict.fromkeys(table["level"]))
    rules = [arm for arm in dict.fromkeys(table["arm"]) if arm not in _LOOKS]
    looks = _LOOKS | dict(zip(rules, _RULES, strict=False))
    figure = style.new_figure(4.6 * len(levels), 4.2)
    panels = figure.subplots(1, len(levels), sharey=True, squeeze=False)[0]
    counts = sorted(table["labelled_wells"].unique())
    for axes, level in zip(panels, levels, strict=True):
        own = table[table["level"] == level]
        for place, (arm, (shape, colour)) in enumerate(looks.items()):
            part = own[own["arm"] == arm].groupby("labelled_wells")[["value", "low", "high"]].mean()
            if part.empty:
                continue
            # Side by side, so that the intervals of one number of wells do not hide each other.
            x = part.index.to_numpy() * 1.035 ** (place - (len(looks) - 1) / 2)
            low, high = (np.abs(part[end] - part["value"]) for end in ("low", "high"))
            axes.errorbar(
                x, part["value"], [low, high], fmt=shape, color=colour, ms=6, lw=1.6, label=arm
            )
        axes.set_xscale("log")
        axes.set_xticks(counts, [f"{count:g}" for count in counts])
        axes.minorticks_off()
        axes.set_xlabel("training wells with a label")
        axes.set_title(_PLURALS.get(str(level), str(level)))
        style.percent_axis(axes.yaxis)
    panels[0].set_ylabel("accuracy on unseen wells (%)")
    # A rule for wells alone stands in one panel only.
    known = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        known.values(), known, title="bars: 95 % interval", loc="outside lower center", ncols=3
    )
    return figure
