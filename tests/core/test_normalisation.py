import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ck19ml.core.normalisation import DIAMETER_PX, KNEE, resized, scale_of, standardise


def field(offset: float = 500.0, gain: float = 1.0, noise: float = 6.0) -> NDArray[np.uint16]:
    """Noise with discs of 100 grey values, 9.4 pixels wide."""
    rng = np.random.default_rng(3)
    grey = rng.normal(0, noise, (200, 240))
    y, x = np.ogrid[:200, :240]
    for middle in ((40, 50), (90, 180), (150, 100)):
        grey[(y - middle[0]) ** 2 + (x - middle[1]) ** 2 < (DIAMETER_PX / 2) ** 2] += 100
    return np.rint(offset + gain * grey).astype(np.uint16)


def test_the_background_is_zero_and_noise_a_known_height() -> None:
    seen = standardise(field(), DIAMETER_PX)
    assert seen.shape == (200, 240)
    assert seen.dtype == np.float32
    assert abs(float(np.median(seen))) < 0.01
    empty = KNEE * np.sinh(KNEE * seen[100:, 140:])
    assert empty.std() == pytest.approx(1, rel=0.1)
    assert seen[90, 180] == pytest.approx(np.arcsinh(100 / 6 / KNEE) / KNEE, abs=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(-400, 60_000))
def test_a_constant_changes_nothing(constant: int) -> None:
    moved = (field().astype(np.int64) + constant).astype(np.uint16)
    np.testing.assert_array_equal(standardise(moved, 9.0), standardise(field(), 9.0))


@pytest.mark.parametrize("gain", [2, 4, 16])
def test_a_whole_gain_changes_nothing(gain: int) -> None:
    np.testing.assert_allclose(
        standardise(field() * np.uint16(gain), 9.0), standardise(field(), 9.0), atol=1e-5
    )


def test_a_quarter_of_the_light_changes_what_rounding_does() -> None:
    quarter = np.rint(field() / 4).astype(np.uint16)
    assert np.abs(standardise(quarter, 9.0) - standardise(field(), 9.0)).max() < 0.08


def test_cells_of_another_size_are_brought_to_the_usual_one() -> None:
    assert scale_of(DIAMETER_PX * 1.2) == 1.0
    assert scale_of(DIAMETER_PX * 3) == pytest.approx(1 / 3)
    wide = np.kron(field(), np.ones((3, 3), np.uint16))
    seen, usual = standardise(wide, DIAMETER_PX * 3), standardise(field(), DIAMETER_PX)
    assert seen.shape == usual.shape
    np.testing.assert_allclose(seen, usual, atol=0.05)


def test_uneven_light_is_no_cell() -> None:
    slope = field(noise=3.0) + np.linspace(0, 300, 240).astype(np.uint16)
    assert np.percentile(standardise(slope, 4.0), 95) < 0.3


@pytest.mark.parametrize("level", [0, 70, 65_535])
def test_an_image_of_one_value_is_zero(level: int) -> None:
    assert not standardise(np.full((30, 40), level, np.uint16), 9.0).any()


def test_resampling_keeps_the_mean() -> None:
    image = field().astype(np.float32)
    assert resized(image, (200, 240)) is image
    for shape in ((50, 60), (400, 480)):
        made = resized(image, shape)
        assert made.shape == shape
        assert made.mean() == pytest.approx(image.mean(), rel=1e-3)
