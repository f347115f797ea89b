import numpy as np
import pytest

from ck19ml.core.simulation.degradation import (
    Degradation,
    illuminate,
    noisier,
    simulate_degraded,
)
from ck19ml.core.simulation.field import simulate_field
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.simulation.rendering import Camera, expose

PLATE = Parameters()


def test_nothing_is_worse_by_default() -> None:
    assert Degradation().parameters(PLATE) == PLATE
    as_ever = simulate_field("OVA", PLATE, 192, np.random.default_rng(1))
    same = simulate_degraded("OVA", PLATE, 192, np.random.default_rng(1), Degradation())
    np.testing.assert_array_equal(same.tcell, as_ever.tcell)


def test_unstained_cells_are_more_and_brighter() -> None:
    worse = Degradation(unstained_share=1.0, unstained_brightness=120).parameters(PLATE)
    assert (worse.unstained_share, worse.unstained_brightness) == (1.0, 120)
    assert worse.camera == PLATE.camera


@pytest.mark.parametrize("light", [0.0, 500.0])
def test_noise_has_the_given_factor_at_every_grey_value(light: float) -> None:
    flat = np.full((300, 300), light, np.float32)
    spreads = [
        expose(flat, camera, np.random.default_rng(0)).std()
        for camera in (Camera(), noisier(Camera(), 2.0))
    ]
    assert spreads[1] == pytest.approx(2 * spreads[0], rel=0.02)


def test_the_electronic_offset_is_no_light() -> None:
    values = np.array([[100, 200, 4000, 50]], np.uint16)
    light = np.array([[2.0, 1.5, 2.0, 2.0]], np.float32)
    assert illuminate(values, light, 100.0).tolist() == [[100, 250, 4095, 0]]


def test_the_same_cells_are_seen_under_every_condition() -> None:
    masks = [
        simulate_degraded("ConA", PLATE, 256, np.random.default_rng(4), worse).dc_mask
        for worse in (
            Degradation(),
            Degradation(noise=2, gradient=0.4, unstained_share=1, unstained_brightness=120),
        )
    ]
    np.testing.assert_array_equal(masks[0], masks[1])
