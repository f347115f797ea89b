"""Open a study: its storage, its locks and its first trial."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import optuna

from ck19ml.tuning.claims import Claims
from ck19ml.tuning.drawing import pruner_of
from ck19ml.tuning.kinds import Parameters
from ck19ml.tuning.storage import open_storage
from ck19ml.tuning.study import Study


@contextmanager
def open_study(
    where: Path | str,
    name: str,
    *,
    seed: int,
    first: Parameters,
    pruner: Literal["median", "hyperband", "none"] = "median",
    heartbeat: int = 15,
) -> Iterator[Study]:
    """Open a study, new or old, alone or beside others.

    Parameters
    ----------
    where : Path or str
        Optuna's journal file, or a ``postgresql://`` URL.
    name : str
    seed : int
    first : dict
        Parameters of the first trial; empty to draw it.
    pruner : {'median', 'hyperband', 'none'}
    heartbeat : int
        Seconds between two signs of life in a database.

    Raises
    ------
    ConfigError
        If the storage is of a kind that several processes cannot share.
    Ck19Error
        If the storage is lost or full, now or while it is in use.
    """
    with open_storage(where, name, heartbeat=heartbeat) as opened:
        with opened.locks.hold("claim"):
            inner = optuna.create_study(
                storage=opened.storage,
                study_name=name,
                direction="minimize",
                load_if_exists=True,
                pruner=pruner_of(pruner),
            )
            if first and not inner.get_trials(deepcopy=False):
                inner.enqueue_trial(first)
        yield Study(Claims(inner, seed, opened))
