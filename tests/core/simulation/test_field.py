from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.core import overlap, patches
from ck19ml.core.simulation.field import (
    Parameters,
    SimulatedField,
    View,
    draw_view,
    image,
    simulate_field,
)
from ck19ml.core.simulation.placement import draw_well, place_dcs
from ck19ml.errors import ConfigError

PARAMETERS = Parameters()
CLEAR = replace(PARAMETERS, droplet_share=0.0, blind_share=0.0)


def field(
    stimulation: str = "OVA", size: int = 384, seed: int = 1, **options: object
) -> SimulatedField:
    rng = np.random.default_rng(seed)
    return simulate_field(stimulation, CLEAR, size, rng, **options)  # type: ignore[arg-type]


@settings(max_examples=12)
@given(
    st.sampled_from(sorted(PARAMETERS.conditions)),
    st.integers(16, 300),
    st.integers(0, 10**6),
    st.floats(0, 1),
)
def test_any_field_is_a_12_bit_image_with_its_masks(
    stimulation: str, size: int, seed: int, inhibition: float
) -> None:
    view = simulate_field(
        stimulation, PARAMETERS, size, np.random.default_rng(seed), inhibition=inhibition
    )
    for values, mask in ((view.dc, view.dc_mask), (view.tcell, view.tcell_mask)):
        assert values.shape == mask.shape == (size, size)
        assert values.dtype == np.uint16
        assert values.max() <= 4095
        assert mask.dtype == bool
    assert 0 <= view.contacts <= view.tcell_count


def test_the_same_seed_gives_the_same_field_and_another_seed_another() -> None:
    first, again, other = field(seed=7), field(seed=7), field(seed=8)
    np.testing.assert_array_equal(first.tcell, again.tcell)
    np.testing.assert_array_equal(first.dc_mask, again.dc_mask)
    assert (first.tcell != other.tcell).any()


def test_cells_shine_above_255_and_all_else_stays_below() -> None:
    view = field(size=768)
    inside, outside = view.tcell[view.tcell_mask], view.tcell[~view.tcell_mask]
    assert np.mean(inside > patches.BACKGROUND) > 0.7
    # The blur carries some light across the outlines, onto a pixel or so.
    assert np.mean(outside > patches.BACKGROUND) < 0.01


def test_unstained_cells_are_visible_but_stay_below_255() -> None:
    rng = np.random.default_rng(3)
    well = draw_well(CLEAR.condition("OVA"), CLEAR, rng)
    parameters = replace(CLEAR, unstained_share=40.0)
    faint = replace(place_dcs(well, 20, CLEAR, 512, rng), brightness=np.zeros(20))
    values, _ = image(faint, None, replace(parameters, unstained_brightness=0.0), 512, rng)
    crowded, _ = image(faint, None, parameters, 512, rng)
    assert crowded.mean() > values.mean() + 2
    # Unstained cells above one another may pass the level.
    assert np.mean(crowded > patches.BACKGROUND) < 0.001


def test_the_interaction_grows_from_unstimulated_over_ova_to_cona() -> None:
    shares = {}
    for stimulation in ("Unstimulated", "OVA", "ConA"):
        view = field(stimulation, size=1024)
        shares[stimulation] = view.contacts / view.tcell_count
    assert shares["Unstimulated"] < 0.1 < shares["OVA"] < 0.5 < shares["ConA"]


def test_true_overlap_by_area_reaches_the_instruments_order() -> None:
    view = field("Unstimulated", size=1024, seed=4)
    masks = np.stack([view.dc_mask, view.tcell_mask], axis=-1)[None]
    # The instrument's unstimulated wells: 21 (2.4) %.
    assert 0.13 < float(overlap.score(masks).tcell_overlap[0]) < 0.29


def test_full_inhibition_takes_cona_back_to_few_contacts() -> None:
    free, inhibited = field("ConA", size=768), field("ConA", size=768, inhibition=1.0)
    assert free.contact_probability > 0.8
    assert inhibited.contact_probability < 0.1
    assert inhibited.contacts < 0.2 * free.contacts


def test_mean_areas_are_those_of_the_condition() -> None:
    view = field("ConA", size=1024)
    assert view.tcell_area_um2 == pytest.approx(111, rel=0.2)
    assert view.dc_area_um2 == pytest.approx(187, rel=0.3)


def test_a_sixteenth_of_a_field_holds_its_share_of_the_cells() -> None:
    counts = [field("OVA", size=512, seed=seed).tcell_count for seed in range(12)]
    assert np.mean(counts) == pytest.approx(1100 / 16, rel=0.25)


def test_a_blind_view_is_faulty_throughout_but_keeps_its_truth() -> None:
    parameters = replace(PARAMETERS, blind_share=1.0, droplet_share=0.0)
    view = simulate_field("OVA", parameters, 384, np.random.default_rng(2))
    cut = patches.cut(np.stack([view.dc, view.tcell], axis=-1))
    assert view.view == "blind"
    assert patches.is_faulty(cut).all()
    assert view.tcell_mask.any()


def test_a_droplet_hides_its_own_part_only() -> None:
    rng = np.random.default_rng(5)
    well = draw_well(CLEAR.condition("Unstimulated"), CLEAR, rng)
    dcs = place_dcs(well, 400, CLEAR, 512, rng)
    hidden = np.zeros((512, 512), bool)
    hidden[:, :256] = True
    values, mask = image(dcs, View("droplet", hides_dc=True, hidden=hidden), CLEAR, 512, rng)
    assert values[:, :256].max() <= patches.BACKGROUND
    assert values[:, 256:].max() > 2 * patches.BACKGROUND
    assert mask[:, :256].any()


def test_droplets_come_as_often_as_asked_and_hide_at_least_one_channel() -> None:
    rng = np.random.default_rng(6)
    parameters = replace(PARAMETERS, droplet_share=0.5, blind_share=0.1)
    views = [draw_view(parameters, 32, rng) for _ in range(600)]
    names = [view.name for view in views]
    assert names.count("droplet") == pytest.approx(300, abs=60)
    assert names.count("blind") == pytest.approx(60, abs=30)
    assert all((view.hides_dc or view.hides_tcell) == (view.name != "clear") for view in views)


def test_a_field_without_any_cell_is_background() -> None:
    empty = replace(CLEAR.condition("OVA"), tcell_count=(0.0, 0.0), dc_count=(0.0, 0.0))
    parameters = replace(CLEAR, conditions={"Unstimulated": empty})
    view = simulate_field("Unstimulated", parameters, 64, np.random.default_rng(0))
    assert (view.tcell_count, view.dc_count, view.contacts, view.dc_area_um2) == (0, 0, 0, 0.0)
    assert view.dc.max() < patches.BACKGROUND


def test_an_unknown_stimulation_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"Unstimulated, OVA, ConA.*'PHA'"):
        field("PHA")
