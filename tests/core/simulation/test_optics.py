import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.core.simulation.optics import (
    PERFECT,
    Optics,
    draw_debris,
    draw_fibres,
    draw_haze,
    ramp,
    scattered,
    uneven_light,
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_light_falls_along_a_line_and_is_one_on_average() -> None:
    light = ramp(5, 0.4, 0.0)
    np.testing.assert_allclose(light[0], [1.4, 1.2, 1.0, 0.8, 0.6], atol=1e-6)
    np.testing.assert_allclose(light[:, 0], 1.4, atol=1e-6)
    slanted = ramp(64, 0.3, 1.0)
    assert slanted.mean() == pytest.approx(1.0, abs=1e-6)
    assert (slanted.min(), slanted.max()) == pytest.approx((0.7, 1.3), abs=1e-6)


def test_a_vignette_darkens_the_corners() -> None:
    light = uneven_light(PERFECT.model_copy(update={"vignette": 0.2}), 512, rng())
    assert light.mean() == pytest.approx(1, abs=0.01)
    corners = light[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(corners / light[256, 256], 0.8, atol=0.02)


def test_dust_casts_a_shadow_with_its_darkest_point_in_the_middle() -> None:
    dusty = {"dust": 16.0, "dust_shadow": (0.5, 0.5), "dust_radius_px": (20.0, 20.0)}
    light = uneven_light(PERFECT.model_copy(update=dusty), 1024, rng(1))
    assert 0.1 < light.min() < 0.55
    assert np.mean(light < 0.999) < 0.02
    assert light.max() <= 1.0001


@settings(max_examples=20)
@given(st.integers(16, 300), st.integers(0, 10**6))
def test_uneven_light_is_positive_and_fills_any_field(size: int, seed: int) -> None:
    light = uneven_light(Optics(dust=200.0), size, rng(seed))
    assert light.shape == (size, size)
    assert light.dtype == np.float32
    assert light.min() > 0


@pytest.mark.parametrize("seed", range(5))
def test_haze_rises_by_its_height(seed: int) -> None:
    haze = draw_haze(PERFECT.model_copy(update={"haze": (12.0, 0.0)}), 400, rng(seed))
    assert isinstance(haze, np.ndarray)
    low, high = np.percentile(haze, (5, 95))
    assert high - low == pytest.approx(12, rel=0.05)
    assert haze.min() > -1


def test_no_haze_is_none() -> None:
    assert draw_haze(PERFECT, 400, rng()) == 0.0


def test_scatter_keeps_the_light_and_spreads_its_share() -> None:
    light = np.zeros((256, 256), np.float32)
    light[128, 128] = 1000
    spread = scattered(light.copy(), Optics(scatter=0.2, scatter_um=10.0), 1.0)
    assert spread.sum() == pytest.approx(1000, rel=0.01)
    assert spread[128, 128] == pytest.approx(800, rel=0.01)
    # A Gaussian of 10 pixels around the middle of the coarse pixel (128-135): exp(-1/2) of its
    # height ten pixels away.
    assert spread[131, 142] / spread[131, 132] == pytest.approx(np.exp(-0.5), abs=0.1)


@pytest.mark.parametrize("size", [1, 7, 15])
def test_tiny_images_have_no_scatter(size: int) -> None:
    light = np.ones((size, size), np.float32)
    np.testing.assert_array_equal(scattered(light.copy(), Optics(), 1.34), light)


def test_the_dead_leave_debris_in_proportion_to_the_field() -> None:
    optics = PERFECT.model_copy(update={"debris_per_dead": 2.0})
    whole, quarter = (
        np.mean([len(draw_debris(optics, 100.0, size, 1.34, rng(seed))) for seed in range(30)])
        for size in (2048, 1024)
    )
    assert whole == pytest.approx(200, rel=0.05)
    assert quarter == pytest.approx(50, rel=0.1)


def test_specks_have_the_diameters_asked_for() -> None:
    optics = Optics(debris=(500.0, 0.0), debris_um=(2.0, 4.0))
    specks = draw_debris(optics, 0.0, 2048, 0.5, rng())
    diameter_um = 0.5 * np.sqrt(specks.area_px * 4 / np.pi)
    assert (diameter_um.min(), diameter_um.max()) == pytest.approx((2, 4), abs=0.1)


def test_fibres_are_thin_long_and_rare() -> None:
    assert draw_fibres(PERFECT, 512, rng()) is None
    light = draw_fibres(Optics(fibres=40.0, fibre_brightness=(100.0, 100.0)), 1024, rng(2))
    assert light is not None
    assert 30 < light.max() <= 200
    assert 0.001 < np.mean(light > 10) < 0.1
