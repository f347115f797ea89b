import pytest

from ck19ml.core.simulation.compounds import Response
from ck19ml.core.simulation.conditions import CONA, NO_INFLUENCE, OVA, UNSTIMULATED, blend
from ck19ml.core.simulation.position import Terms


def test_no_inhibition_changes_nothing() -> None:
    assert blend(CONA, UNSTIMULATED, 0.0) == CONA


def test_half_the_inhibition_leads_half_the_way() -> None:
    blended = blend(CONA, UNSTIMULATED, 0.5)
    assert blended.contact == (pytest.approx(0.5), pytest.approx(0.0175))
    assert blended.tcell_count[0] == pytest.approx(
        (CONA.tcell_count[0] + UNSTIMULATED.tcell_count[0]) / 2
    )


def test_full_inhibition_leaves_the_light_as_it_is() -> None:
    blended = blend(OVA, UNSTIMULATED, 1.0)
    assert blended.contact == UNSTIMULATED.contact
    assert blended.dc_area_um2 == UNSTIMULATED.dc_area_um2
    assert blended.coupling == OVA.coupling


@pytest.mark.parametrize("inhibition", [-0.1, 1.1, float("nan")])
def test_an_inhibition_is_a_fraction(inhibition: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        blend(CONA, UNSTIMULATED, inhibition)


def test_nothing_acts_on_a_well_by_default() -> None:
    assert NO_INFLUENCE.response == Response(0.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    assert NO_INFLUENCE.terms == Terms()
    assert not NO_INFLUENCE.odd
