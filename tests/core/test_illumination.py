import numpy as np
import pytest

from ck19ml.core.illumination import block_means, correct, estimate, flat_field

SHAPE = (128, 192)


def light(kind: str) -> np.ndarray:
    """A known light with mean 1 on a field of 128 x 192 pixels."""
    y, x = np.meshgrid(np.linspace(-1, 1, SHAPE[0]), np.linspace(-1, 1, SHAPE[1]), indexing="ij")
    lights = {"even": 0 * x, "slope": 0.3 * x - 0.15 * y, "vignette": -0.2 * (x**2 + y**2)}
    found = 1 + lights[kind]
    return found / found.mean()


def fields(kind: str, count: int = 60, seed: int = 0) -> list[np.ndarray]:
    """Cells on a background, lit by the light."""
    rng = np.random.default_rng(seed)
    even = [np.where(rng.random(SHAPE) < 0.1, 2000, 200) * rng.uniform(0.5, 1.5)
            for _ in range(count)]  # fmt: skip
    return [np.rint(plane * light(kind)).astype(np.uint16) for plane in even]


def test_block_means_by_hand() -> None:
    plane = np.arange(15, dtype=np.uint16).reshape(3, 5)
    assert block_means(plane, 2).tolist() == [[3, 5]]


@pytest.mark.parametrize("kind", ["even", "slope", "vignette"])
def test_a_known_light_is_found(kind: str) -> None:
    means = np.stack([block_means(field, 8) for field in fields(kind)])
    found = flat_field(estimate(means, SHAPE, 8), SHAPE)
    assert found.mean() == pytest.approx(1, abs=1e-5)
    assert np.abs(found / light(kind) - 1).max() < 0.03


def test_what_is_in_one_field_only_is_not_light() -> None:
    planes = fields("even")
    planes[3][:40, :40] = 4000
    means = np.stack([block_means(field, 8) for field in planes])
    assert np.abs(flat_field(estimate(means, SHAPE, 8), SHAPE) - 1).max() < 0.02


def test_empty_fields_give_an_even_light() -> None:
    coefficients = estimate(np.zeros((2, 8, 8)), SHAPE, 16)
    assert np.isfinite(flat_field(coefficients, SHAPE)).all()


def test_correction_by_hand() -> None:
    plane = np.array([[100, 100, 4000, 0]], np.uint16)
    flat = np.array([[0.5, 2.0, 0.5, 1.0]], np.float32)
    even = correct(plane, flat, 4095)
    assert even.tolist() == [[200, 50, 4095, 0]]
    assert even.dtype == np.uint16
