import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.files.names import safe_name


@given(st.text())
def test_no_path_is_left_in_a_label(label: str) -> None:
    name = safe_name(label)
    assert "/" not in name
    assert ".." not in name
    assert "\\" not in name
    assert "\0" not in name


@pytest.mark.parametrize("label", ["CK19", "Unstimulated", "OVA-1.5_b", "µ"])
def test_what_is_safe_stays(label: str) -> None:
    assert safe_name(label) == label


@given(st.lists(st.sampled_from(["OVA+", "OVA-", "OVA +/-", "OVA", "OVA ", "OVA--"]), unique=True))
def test_labels_that_differ_keep_different_names(labels: list[str]) -> None:
    assert len({safe_name(label) for label in labels}) == len(labels)
