from collections.abc import Iterator

import mlflow
import pytest


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    assert mlflow.active_run() is None, "a test left a run open"
