import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.files.fingerprint import fingerprint

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_it_is_the_start_of_the_sha256_of_compact_json() -> None:
    expected = hashlib.sha256(b'[{"a":1,"b":[true,null]},"x"]').hexdigest()[:16]
    assert fingerprint({"b": [True, None], "a": 1}, "x") == expected


@given(values)
def test_it_is_sixteen_digits(value: object) -> None:
    assert len(fingerprint(value)) == 16
    assert set(fingerprint(value)) <= set("0123456789abcdef")


@given(st.dictionaries(st.text(), values, min_size=2, max_size=5))
def test_the_order_of_keys_does_not_count(mapping: dict[str, object]) -> None:
    assert fingerprint(mapping) == fingerprint(dict(reversed(mapping.items())))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((["a", "b"],), (["b", "a"],)),
        (("ab", "c"), ("a", "bc")),
        ((1,), ("1",)),
        ((1,), (True,)),
        ((None,), ()),
        (([],), ({},)),
        (({"a": {"b": 1}},), ({"a": {"b": 2}},)),
    ],
)
def test_different_values_differ(one: tuple[object, ...], other: tuple[object, ...]) -> None:
    assert fingerprint(*one) != fingerprint(*other)


@pytest.mark.parametrize("value", [{1, 2}, np.arange(2), object()])
def test_a_value_without_a_json_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        fingerprint(value)


def test_it_is_the_same_in_another_process() -> None:
    # Python's own hash is not: it is salted anew in each process.
    code = "from ck19ml.files.fingerprint import fingerprint; print(fingerprint({'a': 'b'}, 1.5))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == fingerprint({"a": "b"}, 1.5)
