from pathlib import Path

import pytest

from ck19ml.tracking.provenance import commit, flatten


def test_flatten_joins_keys() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": None}, "e": []}) == {
        "a.b.c": 1, "a.d": None, "e": [],
    }  # fmt: skip
    assert flatten({}) == flatten({"a": {}}) == {}


def test_without_git_or_outside_of_it_there_is_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert commit() == {}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == {}
