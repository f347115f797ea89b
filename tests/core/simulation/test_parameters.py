import pytest
from pydantic import ValidationError

from ck19ml.core.simulation.conditions import CONA, OVA, UNSTIMULATED
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.errors import ConfigError


def test_contacts_grow_with_the_stimulus() -> None:
    assert UNSTIMULATED.contact[0] < OVA.contact[0] < CONA.contact[0] <= 1


def test_an_unknown_stimulation_names_the_known_ones() -> None:
    assert Parameters().condition("OVA") is OVA
    with pytest.raises(ConfigError, match=r"'ova'.*Unstimulated, OVA, ConA"):
        Parameters().condition("ova")


def test_all_parameters_can_be_written_down_and_read_back() -> None:
    record = Parameters(diameter=2.0).model_dump(mode="json")
    assert record["camera"]["blur_px"] == 0.8
    assert record["conditions"]["ConA"]["contact"] == list(CONA.contact)
    assert Parameters.model_validate(record) == Parameters(diameter=2.0)


def test_imperfections_can_be_switched_off() -> None:
    perfect = Parameters().without_imperfections()
    assert (perfect.optics.vignette, perfect.optics.haze, perfect.optics.debris[0]) == (
        0,
        (0, 0),
        0,
    )
    assert set(perfect.position.rows.model_dump().values()) == {0.0}
    assert perfect.camera == Parameters().camera


@pytest.mark.parametrize(
    "wrong", [{"diameter": 9}, {"droplet_share": 1.2}, {"camera": {"gain": -1}}, {"optiks": {}}]
)
def test_values_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Parameters.model_validate(wrong)
