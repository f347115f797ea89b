import contextlib
import os
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.files.reading import BoundsError, is_text, read_json, read_text, require_file
from ck19ml.files.yaml_text import parse_yaml, read_yaml

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(plain)
def test_what_yaml_writes_is_read_back(content: object) -> None:
    text = yaml.safe_dump(content)
    if "\\0" not in text:  # the character that no name may have
        assert parse_yaml(text) == content


@given(st.text(max_size=200) | st.text("[]{}:,&*!-?|> \n'\"ab1.", max_size=60))
def test_any_text_is_yaml_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_yaml(text)


def test_anchors_and_merges_that_do_not_explode_are_read() -> None:
    assert parse_yaml("a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}") == {
        "a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2},
    }  # fmt: skip


def test_an_anchor_that_holds_itself_is_refused() -> None:
    with pytest.raises(BoundsError, match="contains itself"):
        parse_yaml("&a [*a]")


def test_what_has_no_end_is_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        for read in (require_file, read_yaml, read_json):
            with pytest.raises(OSError, match="a pipe or a device"):
                read(tmp_path / name)


def test_bounds_of_a_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("\ufeffgrün".encode())
    assert read_text(tmp_path / "a", 8) == "grün"
    with pytest.raises(BoundsError, match="8 bytes"):
        read_text(tmp_path / "a", 7)


def test_names_that_are_no_text() -> None:
    assert is_text("日本 µ")
    assert not is_text(os.fsdecode(b"\xfc"))
