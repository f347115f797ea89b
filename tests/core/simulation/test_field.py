import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ck19ml.core import overlap, patches
from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.conditions import NO_INFLUENCE, Influence
from ck19ml.core.simulation.field import (
    Parameters,
    SimulatedField,
    View,
    draw_shared,
    draw_view,
    image,
    simulate_field,
)
from ck19ml.core.simulation.placement import draw_well, place_dcs
from ck19ml.core.simulation.position import Terms
from ck19ml.errors import ConfigError

PARAMETERS = Parameters()
CLEAR = Parameters(droplet_share=0.0, blind_share=0.0)
PERFECT = CLEAR.without_imperfections()


def field(
    stimulation: str = "OVA",
    size: int = 384,
    seed: int = 1,
    influence: Influence = NO_INFLUENCE,
    parameters: Parameters = CLEAR,
) -> SimulatedField:
    return simulate_field(stimulation, parameters, size, np.random.default_rng(seed), influence)


def inhibited(share: float) -> Influence:
    return Influence(Response(inhibition=share))


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
    view = field(stimulation, size, seed, inhibited(inhibition), PARAMETERS)
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
    view = field(size=768, parameters=PERFECT)
    inside, outside = view.tcell[view.tcell_mask], view.tcell[~view.tcell_mask]
    assert np.mean(inside > patches.BACKGROUND) > 0.7
    # The blur carries some light across the outlines, onto a pixel or so.
    assert np.mean(outside > patches.BACKGROUND) < 0.01


def test_unstained_cells_are_visible_but_stay_below_255() -> None:
    faint = PERFECT.model_copy(update={"tcell_brightness": (0.0, 0.0), "faintest": 0.0})
    values, crowded = (
        field(
            parameters=faint.model_copy(
                update={"unstained_share": 10.0, "unstained_brightness": brightness}
            )
        ).tcell
        for brightness in (0.0, 40.0)
    )
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
    free, full = field("ConA", size=768), field("ConA", size=768, influence=inhibited(1.0))
    assert free.contact_probability > 0.8
    assert full.contact_probability < 0.1
    assert full.contacts < 0.2 * free.contacts


def test_mean_areas_are_those_of_the_condition() -> None:
    view = field("ConA", size=1024)
    assert view.tcell_area_um2 == pytest.approx(111, rel=0.2)
    assert view.dc_area_um2 == pytest.approx(187, rel=0.3)


def test_a_sixteenth_of_a_field_holds_its_share_of_the_cells() -> None:
    counts = [field("OVA", size=512, seed=seed).tcell_count for seed in range(12)]
    assert np.mean(counts) == pytest.approx(1100 / 16, rel=0.25)


def test_a_blind_view_is_faulty_throughout_but_keeps_its_truth() -> None:
    view = field(seed=2, parameters=Parameters(blind_share=1.0, droplet_share=0.0))
    cut = patches.cut(np.stack([view.dc, view.tcell], axis=-1))
    assert view.view == "blind"
    assert patches.is_faulty(cut).all()
    assert view.tcell_mask.any()


def test_a_droplet_hides_its_own_part_only() -> None:
    rng = np.random.default_rng(5)
    well = draw_well(CLEAR.condition("Unstimulated"), NO_INFLUENCE, CLEAR, rng)
    dcs = place_dcs(well, 400, CLEAR, 512, rng)
    hidden = np.zeros((512, 512), bool)
    hidden[:, :256] = True
    view = View("droplet", hides_dc=True, hidden=hidden)
    shared = draw_shared(CLEAR, 512, rng)
    values, mask = image(dcs, CLEAR, 512, rng, shared=shared, view=view)
    assert values[:, :256].max() <= patches.BACKGROUND
    assert values[:, 256:].max() > 2 * patches.BACKGROUND
    assert mask[:, :256].any()


def test_droplets_come_as_often_as_asked_and_hide_at_least_one_channel() -> None:
    rng = np.random.default_rng(6)
    parameters = Parameters(droplet_share=0.5, blind_share=0.1)
    views = [draw_view(parameters, 32, rng) for _ in range(600)]
    names = [view.name for view in views]
    assert names.count("droplet") == pytest.approx(300, abs=60)
    assert names.count("blind") == pytest.approx(60, abs=30)
    assert all((view.hides_dc or view.hides_tcell) == (view.name != "clear") for view in views)


def test_a_field_without_any_cell_is_background() -> None:
    counts = {"tcell_count": (0.0, 0.0), "dc_count": (0.0, 0.0)}
    empty = CLEAR.condition("OVA").model_copy(update=counts)
    parameters = PERFECT.model_copy(update={"conditions": {"Unstimulated": empty}})
    view = field("Unstimulated", 64, 0, parameters=parameters)
    assert (view.tcell_count, view.dc_count, view.contacts, view.dc_area_um2) == (0, 0, 0, 0.0)
    assert view.dc.max() < patches.BACKGROUND


def test_a_compound_that_kills_leaves_fewer_cells_and_more_debris() -> None:
    killed = Influence(Response(tcell_count=0.4, dc_count=0.5, tcell_killed=0.6, dc_killed=0.5))
    debris = {"debris": (0.0, 0.0), "debris_per_dead": 3.0}
    parameters = CLEAR.model_copy(update={"optics": PARAMETERS.optics.model_copy(update=debris)})
    alive = [field("ConA", 512, seed, parameters=parameters) for seed in range(6)]
    dying = [field("ConA", 512, seed, killed, parameters) for seed in range(6)]
    for name, left in (("tcell_count", 0.4), ("dc_count", 0.5)):
        before, after = (sum(getattr(view, name) for view in views) for views in (alive, dying))
        assert after == pytest.approx(left * before, rel=0.2)
    bright = [
        np.mean([np.mean(view.tcell[~view.tcell_mask] > 255) for view in views])
        for views in (alive, dying)
    ]
    assert bright[1] > 2 * bright[0]


def test_a_positive_overlap_term_raises_the_overlap_and_not_the_contacts() -> None:
    shares, contacts = [], []
    for overlap_term in (-0.15, 0.0, 0.15):
        influence = Influence(terms=Terms(overlap=overlap_term))
        views = [field("OVA", 768, seed, influence) for seed in range(4)]
        both = sum(np.count_nonzero(view.dc_mask & view.tcell_mask) for view in views)
        shares.append(both / sum(np.count_nonzero(view.tcell_mask) for view in views))
        contacts.append([view.contacts for view in views])
    assert contacts[0] == contacts[1] == contacts[2]
    # The logarithm of M1 follows the term, more or less.
    assert np.diff(np.log(shares)) == pytest.approx([0.15, 0.15], abs=0.06)


def test_cells_of_another_diameter_are_as_many_and_as_much_larger() -> None:
    usual, large = (
        field("OVA", 768, parameters=CLEAR.model_copy(update={"diameter": diameter}))
        for diameter in (1.0, 2.0)
    )
    assert large.tcell_count == usual.tcell_count
    assert large.tcell_area_um2 == pytest.approx(4 * usual.tcell_area_um2)
    assert large.dc_area_um2 == pytest.approx(4 * usual.dc_area_um2)


def test_cells_out_of_focus_stay_in_the_mask_and_are_dimmer() -> None:
    sharp, blurred = (
        field("OVA", 768, parameters=PERFECT.model_copy(update={"optics": optics}))
        for optics in (
            PERFECT.optics,
            PERFECT.optics.model_copy(update={"out_of_focus": 1.0, "out_of_focus_um": (4.0, 4.0)}),
        )
    )
    np.testing.assert_array_equal(sharp.dc_mask, blurred.dc_mask)
    dimmer = [np.percentile(view.dc[view.dc_mask], 90) - 163 for view in (sharp, blurred)]
    assert dimmer[1] < 0.7 * dimmer[0]


def test_the_background_varies_as_much_as_in_real_images() -> None:
    """By 0.02-0.13 of the signal, see `Optics`; by less than 0.02 in perfect images."""
    even, uneven = (
        [background_spread(field("OVA", 1024, seed, parameters=p).dc) for seed in range(5)]
        for p in (PERFECT, CLEAR)
    )
    assert max(even) < 0.02
    assert 0.02 < np.median(uneven) < 0.13


def background_spread(values: np.ndarray) -> float:
    squares = patches.cut(values[..., None], 64)[..., 0].reshape(-1, 64 * 64)
    low, middle, high = np.percentile(np.percentile(squares, 10, axis=1), (5, 50, 95))
    return float((high - low) / (np.percentile(values, 99) - middle))


def test_an_unknown_stimulation_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"'PHA'.*Unstimulated, OVA, ConA"):
        field("PHA")
