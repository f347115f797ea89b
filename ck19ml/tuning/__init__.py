"""The only package that imports optuna: studies with an exact budget of trials."""

from ck19ml.tuning.sampling import STARTUP_TRIALS, WARMUP_EPOCHS
from ck19ml.tuning.storage import (
    has_password,
    lost_in_one_line,
    require_answer,
    require_storage,
    shown,
)
from ck19ml.tuning.study import Study, open_study
from ck19ml.tuning.types import (
    Ended,
    Notes,
    Objective,
    Parameters,
    Report,
    Space,
    Trial,
    Watcher,
)

__all__ = [
    "STARTUP_TRIALS",
    "WARMUP_EPOCHS",
    "Ended",
    "Notes",
    "Objective",
    "Parameters",
    "Report",
    "Space",
    "Study",
    "Trial",
    "Watcher",
    "has_password",
    "lost_in_one_line",
    "open_study",
    "require_answer",
    "require_storage",
    "shown",
]
