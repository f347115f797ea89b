"""Experiments on two-channel fluorescence plates of T cells and dendritic cells.

The names in ``__all__`` are the public interface; they are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ck19ml.api import evaluate as evaluate
    from ck19ml.api import load_model as load_model
    from ck19ml.api import open_dataset as open_dataset
    from ck19ml.api import open_plate as open_plate
    from ck19ml.api import prepare as prepare
    from ck19ml.api import read_layout as read_layout
    from ck19ml.api import screen as screen
    from ck19ml.api import simulate as simulate
    from ck19ml.errors import Ck19Error as Ck19Error
    from ck19ml.networks.evaluation import Evaluation as Evaluation
    from ck19ml.networks.scorer import Scorer as Scorer
    from ck19ml.plates.dataset.store import Dataset as Dataset
    from ck19ml.plates.folder import Plate as Plate
    from ck19ml.workflows.screening.analysis import Screen as Screen

__version__ = "0.2.0"
__all__ = [
    "Ck19Error",
    "Dataset",
    "Evaluation",
    "Plate",
    "Scorer",
    "Screen",
    "__version__",
    "evaluate",
    "load_model",
    "open_dataset",
    "open_plate",
    "prepare",
    "read_layout",
    "screen",
    "simulate",
]

_CLASSES = {
    "Ck19Error": "errors",
    "Dataset": "plates.dataset.store",
    "Evaluation": "networks.evaluation",
    "Plate": "plates.folder",
    "Scorer": "networks.scorer",
    "Screen": "workflows.screening.analysis",
}
"""Modules of the public classes; the functions stand in ``ck19ml.api``."""

# MLflow imports the loader that a model names, and models registered by 0.1.0 name
# `ck19ml.scoring` or `ck19ml.mask_network`: both are found there.
__path__.append(f"{__path__[0]}/networks/former")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'ck19ml' has no attribute {name!r}")
    return getattr(import_module(f"ck19ml.{_CLASSES.get(name, 'api')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
