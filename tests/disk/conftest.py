"""A disk of eight megabytes, and how to fill it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

SIZE_KB = 8192


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """The root of a disk of its own in memory; skipped where mounting is not allowed."""
    place = tmp_path / "small"
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs", str(place)]
    made = subprocess.run(options, capture_output=True, text=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"mounting a tmpfs is not allowed here: {made.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Write a file that leaves so many bytes free (whole blocks of 4096)."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(free.f_bavail * free.f_frsize - leave, 1))
    return filler
