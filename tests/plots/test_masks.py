import numpy as np
import pandas as pd
import pytest

from ck19ml.plots import masks, style

SCORES = pd.DataFrame(
    [
        ("plain", "otsu", 0.4, 0.35, 0.45),
        ("plain", "unet", 0.8, 0.75, 0.85),
        ("degraded", "otsu", 0.3, 0.25, 0.35),
        ("degraded", "unet", 0.7, 0.65, 0.75),
    ],
    columns=["condition", "method", "iou", "iou_low", "iou_high"],
)
EFFECT = pd.DataFrame(
    [
        {
            "measure": "overlap RMSE",
            "normal": 0.04, "normal_low": 0.03, "normal_high": 0.05,
            "masked": 0.02, "masked_low": 0.01, "masked_high": 0.03,
            "difference": -0.02, "difference_low": -0.03, "difference_high": -0.01,
            "verdict": "helps",
        }
    ]
)  # fmt: skip


class TestScores:
    def test_a_row_a_method_and_a_colour_a_condition(self) -> None:
        axes = masks.mask_scores(SCORES).axes[0]
        assert [label.get_text() for label in axes.get_yticklabels()] == ["otsu", "unet"]
        plain, degraded = axes.lines[:2]
        assert (plain.get_label(), degraded.get_label()) == ("plain", "degraded")
        assert plain.get_xdata().tolist() == [0.4, 0.8]
        np.testing.assert_allclose(plain.get_ydata(), [-0.33, 0.67])
        assert plain.get_color() != degraded.get_color()

    def test_one_condition_and_an_empty_table(self) -> None:
        axes = masks.mask_scores(SCORES[:2]).axes[0]
        assert axes.lines[0].get_ydata().tolist() == [0, 1]
        assert masks.mask_scores(SCORES[:0]).axes

    def test_a_missing_column_is_named(self) -> None:
        with pytest.raises(ValueError, match="found no iou_low"):
            masks.mask_scores(SCORES.drop(columns="iou_low"))


class TestMethods:
    def test_the_difference_is_in_colour_and_its_iou_beside_it(self) -> None:
        true = np.zeros((1, 4, 4), bool)
        true[0, :2] = True
        found = np.zeros((2, 1, 4, 4), bool)
        found[1, 0, 1:3] = True
        figure = masks.mask_methods(
            np.full((1, 4, 4), 300, np.uint16), true, found, ["none", "some"], ["A01"]
        )
        image, none, some = figure.axes
        assert image.get_title(loc="center") == "A01"
        assert [none.texts[0].get_text(), some.texts[0].get_text()] == ["0", "33"]
        shown = some.images[0].get_array()
        expected = [style.SKY, "#D9D9D9", style.VERMILLION, style.BLACK]
        assert [style.to_hex(pixel).upper() for pixel in np.asarray(shown)[:, 0]] == [
            colour.upper() for colour in expected
        ]

    def test_shapes_that_do_not_fit_are_refused(self) -> None:
        true = np.zeros((1, 4, 4), bool)
        with pytest.raises(ValueError, match="for 2 methods"):
            masks.mask_methods(np.zeros((1, 4, 4), int), true, true[None], ["a", "b"], ["A01"])


class TestEffect:
    def test_a_panel_a_measure_with_its_difference(self) -> None:
        figure = masks.masking_effect(EFFECT)
        panel = figure.axes[0]
        assert panel.get_title(loc="left") == "overlap RMSE"
        assert "\N{MINUS SIGN}0.02" in panel.get_xlabel()
        assert panel.get_xlabel().endswith("helps")
        assert [line.get_xdata()[0] for line in panel.lines] == [0.04, 0.02]

    def test_a_missing_column_is_named_and_no_row_is_said(self) -> None:
        with pytest.raises(ValueError, match="found no verdict"):
            masks.masking_effect(EFFECT.drop(columns="verdict"))
        assert masks.masking_effect(EFFECT[:0]).axes
