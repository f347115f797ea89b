"""What the legend of a figure says."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def legend_texts(drawn: Axes | Figure) -> list[str]:
    """Texts of the legend of axes, or of the first that lies on the figure itself."""
    legend = drawn.legends[0] if isinstance(drawn, Figure) else drawn.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]
