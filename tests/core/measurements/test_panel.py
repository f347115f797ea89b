import pytest

from ck19ml.core.measurements.panel import PAIR, Panel


def test_both_cell_types_come_first_whatever_the_order() -> None:
    panel = Panel.of(["nuclei", "tcell", "dc"], ["dc", "tcell"])
    assert panel.names == ("dc", "tcell", "nuclei")
    assert panel.places == (0, 1)
    assert panel.pair
    assert Panel.of(["tcell", "dc"]) == PAIR


@pytest.mark.parametrize("names", [["dc"], ["nuclei", "actin"], ["tcell", "brightfield"]])
def test_no_pair_without_both(names: list[str]) -> None:
    assert not Panel.of(names).pair


def test_only_stained_channels_have_a_level() -> None:
    panel = Panel.of(["brightfield", "nuclei"], ["nuclei"])
    assert panel.levels(255) == (0, 255)
    assert panel.levels({"nuclei": 90}) == (0, 90)


def test_parameters_say_what_differs_from_the_study() -> None:
    assert PAIR.parameters == {}
    assert Panel.of(["nuclei"]).parameters == {"channels": ["nuclei"]}
    assert Panel.of(["nuclei", "light"], ["nuclei"]).parameters == {
        "channels": ["nuclei", "light"],
        "stained": ["nuclei"],
    }


def test_labels_are_the_plate_s_own_names() -> None:
    assert [Panel.of(["tcell", "Hoechst"]).label(name) for name in ("tcell", "Hoechst")] == [
        "T cell",
        "Hoechst",
    ]
