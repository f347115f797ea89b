from dataclasses import asdict

import pytest

from ck19ml.core.simulation.parameters import CONA, OVA, UNSTIMULATED, Parameters, blend
from ck19ml.errors import ConfigError


def test_no_inhibition_changes_nothing() -> None:
    assert blend(CONA, UNSTIMULATED, 0.0) == CONA


def test_half_the_inhibition_leads_half_the_way() -> None:
    blended = blend(CONA, UNSTIMULATED, 0.5)
    assert blended.contact == (pytest.approx(0.5), pytest.approx(0.0175))
    assert blended.tcell_count[0] == pytest.approx((690 + 1314) / 2)


def test_full_inhibition_leaves_the_light_as_it_is() -> None:
    blended = blend(OVA, UNSTIMULATED, 1.0)
    assert blended.contact == UNSTIMULATED.contact
    assert blended.dc_area_um2 == UNSTIMULATED.dc_area_um2
    assert blended.coupling == OVA.coupling


@pytest.mark.parametrize("inhibition", [-0.1, 1.1, float("nan")])
def test_an_inhibition_is_a_fraction(inhibition: float) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        blend(CONA, UNSTIMULATED, inhibition)


def test_contacts_grow_with_the_stimulus() -> None:
    assert UNSTIMULATED.contact[0] < OVA.contact[0] < CONA.contact[0] <= 1


def test_an_unknown_stimulation_names_the_known_ones() -> None:
    assert Parameters().condition("OVA") is OVA
    with pytest.raises(ConfigError, match=r"Unstimulated, OVA, ConA.*'ova'"):
        Parameters().condition("ova")


def test_all_parameters_can_be_written_down() -> None:
    record = asdict(Parameters())
    assert record["camera"]["blur_px"] == 0.8
    assert record["conditions"]["ConA"]["contact"] == CONA.contact
