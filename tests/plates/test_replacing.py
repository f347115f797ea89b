from pathlib import Path

import pytest

from ck19ml.plates.replacing import put_in_place, restore


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "content").write_text(content)
    return path


def contents(place: Path) -> dict[str, str]:
    return {path.name: (path / "content").read_text() for path in place.iterdir()}


def test_a_finished_folder_takes_its_place(tmp_path: Path) -> None:
    put_in_place(folder(tmp_path / "made", "new"), tmp_path / "d.zarr")
    assert contents(tmp_path) == {"d.zarr": "new"}


def test_what_stood_there_is_gone_and_nothing_else(tmp_path: Path) -> None:
    folder(tmp_path / "d.zarr", "old")
    folder(tmp_path / "d.zarr.old", "a copy")
    put_in_place(folder(tmp_path / "made", "new"), tmp_path / "d.zarr")
    assert contents(tmp_path) == {"d.zarr": "new", "d.zarr.old": "a copy"}


def fail_at(monkeypatch: pytest.MonkeyPatch, name: str, error: type[BaseException]) -> None:
    """Let the move of a folder of this name fail."""
    rename = Path.rename

    def renamed(self: Path, target: Path) -> Path:
        if self.name == name:
            raise error
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", renamed)


def test_what_stood_there_is_back_when_the_new_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(tmp_path / "d.zarr", "old")
    folder(tmp_path / "made", "new")
    fail_at(monkeypatch, "made", OSError)
    with pytest.raises(OSError):  # noqa: PT011 - it is the one made here
        put_in_place(tmp_path / "made", tmp_path / "d.zarr")
    assert contents(tmp_path) == {"d.zarr": "old", "made": "new"}


def test_what_a_kill_between_the_moves_put_aside_is_given_back(tmp_path: Path) -> None:
    old = folder(tmp_path / "d.zarr", "old")
    old.rename(tmp_path / ".d.zarr.replaced")  # as put_in_place does before it is killed
    restore(old)
    assert contents(tmp_path) == {"d.zarr": "old"}


def test_what_was_put_aside_does_not_replace_what_came_after(tmp_path: Path) -> None:
    folder(tmp_path / ".d.zarr.replaced", "old")
    restore(folder(tmp_path / "d.zarr", "new"))
    assert contents(tmp_path)["d.zarr"] == "new"
