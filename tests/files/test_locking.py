import subprocess
import sys
from pathlib import Path

import pytest

from ck19ml.files.locking import locked


def free(path: Path, *, shared: bool = False) -> bool:
    """Ask another process whether it gets the lock."""
    code = (
        "import sys; from pathlib import Path; from ck19ml.files.locking import locked\n"
        f"with locked(Path(sys.argv[1]), shared={shared}, wait=False) as held: print(held)"
    )
    asked = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=True
    )
    return asked.stdout.strip() == "True"


@pytest.mark.parametrize("name", ["a file", "a folder"])
def test_a_lock_excludes_other_processes_until_it_is_released(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "a folder":
        path.mkdir()
    with locked(path) as held:
        assert held
        assert not free(path)
    assert free(path)


def test_sharing_processes_exclude_only_the_others(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, shared=True):
        assert free(path, shared=True)
        assert not free(path)


def test_the_system_releases_the_lock_of_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from ck19ml.files.locking import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code, path], check=False).returncode == -9
    assert free(path)
