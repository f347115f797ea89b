import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.simulation.rendering import Camera, Cells, brightfield, draw, expose


def cells(
    y: list[float], x: list[float], area: float = 100.0, wave: float = 0.0, profile: float = 0.5
) -> Cells:
    number = len(y)
    return Cells(
        y=np.array(y, float),
        x=np.array(x, float),
        area_px=np.full(number, area),
        brightness=np.full(number, 400.0),
        waves=np.full((number, 3), wave),
        phases=np.zeros((number, 3)),
        profile=profile,
    )


@given(
    st.floats(30, 50), st.floats(30, 50), st.floats(60, 300), st.floats(0, 0.15), st.floats(0.5, 2)
)
def test_a_mask_has_the_area_of_its_cell(
    y: float, x: float, area: float, wave: float, profile: float
) -> None:
    light, mask = draw(cells([y], [x], area, wave, profile), 80)
    assert np.count_nonzero(mask) == pytest.approx(area, rel=0.12)
    assert not light[~mask].any()
    assert light.max() <= 400


def test_a_round_cell_is_a_dome() -> None:
    light, mask = draw(cells([20], [30], area=np.pi * 25), 64)
    assert light[20, 30] == 400
    # Three of five pixels out: 400 * sqrt(1 - 9 / 25).
    assert light[20, 33] == pytest.approx(320)
    assert mask[20, 34]
    assert not mask[20, 36]


def test_light_of_cells_above_one_another_adds_up() -> None:
    light, _ = draw(cells([20, 20], [20, 20]), 40)
    assert light[20, 20] == 800


def test_cells_at_the_rim_are_cut_off() -> None:
    light, mask = draw(cells([0, 39.9], [0, 39.9]), 40)
    whole, _ = draw(cells([20], [20]), 40)
    assert mask[0, 0]
    assert mask[39, 39]
    assert light.sum() < 2 * whole.sum()


def test_no_cells_draw_nothing() -> None:
    light, mask = draw(cells([], []), 16)
    assert not light.any()
    assert not mask.any()


def test_background_and_noise_of_the_dark_are_the_cameras() -> None:
    camera = Camera(background=200, offset=100, gain=0.5, read_noise=3, line_noise=0)
    values = expose(np.zeros((400, 400), np.float32), camera, np.random.default_rng(0))
    assert values.dtype == np.uint16
    assert values.mean() == pytest.approx(200, abs=0.2)
    # Shot noise of 100 grey values and the noise of reading: sqrt(0.5 * 100 + 3^2).
    assert values.std() == pytest.approx(59**0.5, rel=0.03)


def test_bright_light_is_noisier_and_ends_at_white() -> None:
    camera = Camera()
    rng = np.random.default_rng(1)
    bright = expose(np.full((200, 200), 1000, np.float32), camera, rng)
    dark = expose(np.zeros((200, 200), np.float32), camera, rng)
    assert bright.std() > 2 * dark.std()
    assert expose(np.full((8, 8), 9000, np.float32), camera, rng).min() == 4095


def test_light_is_uneven_but_the_electronic_offset_is_not() -> None:
    camera = Camera(background=200, offset=100, gain=0, read_noise=0, line_noise=0, blur_px=0)
    light = np.full((4, 4), 50, np.float32)
    evenness = np.array([[0.5, 1.0, 1.5, 2.0]], np.float32)
    values = expose(light, camera, np.random.default_rng(0), evenness=evenness, haze=10.0)
    # 100 + (50 of cells + 100 of background + 10 of haze) x evenness.
    assert values[0].tolist() == [180, 260, 340, 420]


def test_a_line_of_pixels_shares_its_offset() -> None:
    camera = Camera(gain=0, read_noise=0, line_noise=5)
    values = expose(np.zeros((300, 20), np.float32), camera, np.random.default_rng(3))
    assert not np.ptp(values, axis=1).any()
    assert values[:, 0].std() == pytest.approx(5, rel=0.15)


def test_a_part_of_the_cells_keeps_their_properties() -> None:
    some = cells([1, 2, 3], [4, 5, 6], profile=1.5).part(np.array([True, False, True]))
    assert some.y.tolist() == [1, 3]
    assert some.waves.shape == (2, 3)
    assert some.profile == 1.5


def test_brightfield_shows_cells_with_dark_rims() -> None:
    mask = np.zeros((80, 80), bool)
    mask[30:50, 30:50] = True
    values = brightfield(mask, np.random.default_rng(2))
    assert values.dtype == np.uint16
    assert values[30, 32:48].mean() < values[:20].mean() - 200
    assert values[38:42, 38:42].mean() > values[:20].mean()
