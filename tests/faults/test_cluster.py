"""Trials on a real Dask cluster: a scheduler and two workers on this machine."""

import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ck19ml.distributed import everywhere
from ck19ml.tuning import Parameters, Report
from tests.faults import cheap_tune
from tests.test_distributed import Cluster
from tests.tuning.stored import best_of

pytestmark = pytest.mark.slow


@dataclass
class Sent:
    """A task whose features tell how often they were unpacked."""

    storage: str
    folder: str
    budget: int
    features: NDArray[np.float32] = field(repr=False)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        import os
        import uuid

        (Path(self.folder) / f"sent-{os.getpid()}-{uuid.uuid4().hex}").touch()


class Quiet:
    """A watcher that says nothing."""

    def started(self, number: int, parameters: Parameters) -> None: ...

    def ended(self, number: int, state: str, error: str | None) -> None: ...


def work(task: Sent, go_on: Callable[[], bool]) -> int:
    """Run cheap trials; each shows that the features are there."""

    def objective(
        number: int, parameters: Parameters, report: Report
    ) -> tuple[float, dict[str, Any]]:
        for epoch in range(1, 4):
            time.sleep(0.1)
            report(epoch, 1.0)
        return cheap_tune.value_of(parameters), {"mean": float(task.features.mean())}

    with cheap_tune.open_cheap(task.storage) as study:
        return study.run(task.budget, objective, cheap_tune.SPACE, Quiet(), failures=0, go_on=go_on)


def wait_until_it_listens(port: int) -> None:
    """Wait for the scheduler: a busy machine takes longer to start it than a client waits."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    started = Cluster(tmp_path / "cluster")
    try:
        wait_until_it_listens(int(started.address.rpartition(":")[2]))
        yield started
    finally:
        started.close()


def test_workers_of_a_cluster_share_a_study_and_get_the_features_once(
    cluster: Cluster, tmp_path: Path
) -> None:
    storage = str(tmp_path / "optuna.journal")
    said: list[str] = []
    features = np.full((1000, 50), 2.0, np.float32)
    killed = False
    with cheap_tune.open_cheap(storage) as study:

        def needed() -> bool:
            nonlocal killed
            both = len(list(tmp_path.glob("sent-*"))) == 2
            if both and study.running and not killed:
                cluster.workers[0].kill()
                killed = True
            return study.done < 30 or not any("is gone" in line for line in said)

        everywhere(cluster.address, work, Sent(storage, str(tmp_path), 30, features),
                   needed=needed, tell=said.append)  # fmt: skip
        study.recover()
        assert (study.done, study.failed) == (30, 0)
        assert best_of(study).notes == {"mean": 2.0}
    by_process: dict[str, int] = {}
    for path in tmp_path.glob("sent-*"):
        process = path.name.split("-")[1]
        by_process[process] = by_process.get(process, 0) + 1
    assert len(by_process) == 2
    assert set(by_process.values()) == {1}, "once a worker, not once a trial"
    assert any("is gone" in line for line in said)


def test_workers_stop_when_nobody_needs_them_any_more(cluster: Cluster, tmp_path: Path) -> None:
    storage = str(tmp_path / "optuna.journal")
    with cheap_tune.open_cheap(storage) as study:
        everywhere(
            cluster.address, work, Sent(storage, str(tmp_path), 10_000, np.zeros((1, 1), "f4")),
            needed=lambda: study.done < 4, tell=lambda _: None,
        )  # fmt: skip
        limit = time.monotonic() + 60
        while study.running and time.monotonic() < limit:
            time.sleep(0.2)
        assert study.running == 0
        assert 4 <= study.done < 100
