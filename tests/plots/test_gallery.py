"""Figures of plates that are not like CK19: no text lies on another or leaves the figure."""

import pytest
from matplotlib.figure import Figure

from tests.plots.gallery import FIGURES, PLATES, overprints


@pytest.mark.slow
@pytest.mark.parametrize("plate", PLATES)
@pytest.mark.parametrize("name", FIGURES)
def test_every_text_can_be_read(name: str, plate: str) -> None:
    assert not overprints(FIGURES[name](PLATES[plate]))


def test_texts_on_each_other_and_beyond_the_figure_are_seen() -> None:
    figure = Figure(figsize=(4, 3))
    for place, words in (
        (0.2, "first words"),
        (0.25, "second words"),
        (0.9, "a long text"),
    ):
        figure.text(place, 0.5, words)
    found = overprints(figure)
    assert "'first words' on 'second words'" in found
    assert "'a long text' leaves the figure" in found
