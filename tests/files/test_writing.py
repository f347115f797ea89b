import contextlib
import errno
import os
import threading
import time
from pathlib import Path

import pytest

from ck19ml.errors import PlateError
from ck19ml.files.writing import atomically, hold, making, put_in_place, restore
from tests.command import ck19ml, in_one_line


def folder(path: Path, content: str) -> Path:
    path.mkdir()
    (path / "content").write_text(content)
    return path


def contents(place: Path) -> dict[str, str]:
    return {path.name: (path / "content").read_text() for path in place.iterdir()}


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")
    with atomically(path) as made:
        made.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_fails_leaves_the_old_one_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("old")

    def fail() -> None:
        with atomically(path) as made:
            made.write_text("half")
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_another_process_made_meanwhile_is_kept_where_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "store.db"
    for content in ("first", "second"):
        with atomically(path, keep_existing=True) as made:
            made.write_text(content)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_has_the_permissions_that_the_user_wants(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        with atomically(tmp_path / "a.csv"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "a.csv").stat().st_mode & 0o777 == 0o640


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


def test_what_is_made_appears_when_it_is_whole(tmp_path: Path) -> None:
    folder(tmp_path / ".a.partial", "half, of a command that was killed")
    with making(tmp_path / "a") as made:
        (made / "content").write_text("new")
        assert not (tmp_path / "a").exists()
    assert contents(tmp_path) == {"a": "new"}


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail() -> None:
        with making(tmp_path / "a") as made:
            (made / "new").touch()
            raise OSError(28, "No space left on device")

    with pytest.raises(PlateError, match=r"no space left while writing .*a;"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_fails_leaves_nothing_also_where_a_thread_still_writes(tmp_path: Path) -> None:
    def write(made: Path) -> None:
        ends = time.monotonic() + 0.5
        while time.monotonic() < ends:
            with contextlib.suppress(OSError):
                (made / "chunks").mkdir(exist_ok=True)
                (made / "chunks" / f"{time.monotonic_ns()}").touch()

    def fail() -> None:
        with making(tmp_path / "a") as made:
            thread = threading.Thread(target=write, args=(made,))
            thread.start()
            time.sleep(0.1)
            raise OSError(28, "No space left on device")

    with pytest.raises(PlateError):
        fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["simulate {out} --wells 3 --size 448", "export {plate} {out}"])
def test_two_commands_do_not_write_into_one_folder(
    tmp_path: Path, tiny_plate: Path, command: str
) -> None:
    out = tmp_path / "out"
    with hold(tmp_path / ".out.partial"):
        ended = ck19ml(*command.format(out=out, plate=tiny_plate).split())
    assert ended.code == 1
    in_one_line(ended, "another process is writing")
    assert [path.name for path in tmp_path.iterdir()] == [".out.partial"]
