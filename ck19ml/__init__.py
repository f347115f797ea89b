"""Experiments on two-channel fluorescence plates of T cells and dendritic cells.

The names in ``__all__`` are the public interface; all others are private and may change. Each
function loads what it uses when it is called, each class when it is first asked for, and MLflow is
loaded only for a model from its registry. The examples follow each other, in a folder that has a
trained model in ``model``.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ck19ml.errors import Ck19Error as Ck19Error
    from ck19ml.networks.evaluation import Evaluation as Evaluation
    from ck19ml.networks.scorer import Scorer as Scorer
    from ck19ml.plates.dataset.store import Dataset as Dataset
    from ck19ml.plates.folder import Plate as Plate
    from ck19ml.workflows.reporting.explanation import Explanation as Explanation
    from ck19ml.workflows.screening.analysis import Screen as Screen

__version__ = "0.2.0"
__all__ = [
    "Ck19Error",
    "Dataset",
    "Evaluation",
    "Explanation",
    "Plate",
    "Scorer",
    "Screen",
    "__version__",
    "evaluate",
    "explain",
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
    "Explanation": "workflows.reporting.explanation",
    "Plate": "plates.folder",
    "Scorer": "networks.scorer",
    "Screen": "workflows.screening.analysis",
}
"""Modules of the public classes."""

# MLflow imports the loader that a model names, and models registered by 0.1.0 name
# `ck19ml.scoring` or `ck19ml.mask_network`: both are found there.
__path__.append(f"{__path__[0]}/networks/former")


def __getattr__(name: str) -> Any:
    if name not in _CLASSES:
        raise AttributeError(f"module 'ck19ml' has no attribute {name!r}")
    return getattr(import_module(f"ck19ml.{_CLASSES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def simulate(
    folder: str | Path, *, layout: str = "ck19", overwrite: bool = False, **settings: Any
) -> "Plate":
    """Write the folder of a simulated plate, with its layout and its truth, and open it.

    Parameters
    ----------
    folder : str or Path
        Folder to write.
    layout : str
        ``ck19``, ``ck21``, ``ck22``, or a layout file.
    overwrite : bool
        Whether to replace an earlier simulated plate.
    **settings
        Keys of the config `SimulateConfig`: wells, size, seed, brightfield, parameters.

    Raises
    ------
    Ck19Error
        If a setting is wrong, or the folder exists.

    Examples
    --------
    >>> ck19ml.simulate("plate", wells=18, size=448, seed=7)
    Plate('CK19', 18 wells, 18 fields, 12 bits, 1.34 um a pixel)
    """
    from ck19ml.config import SimulateConfig, build_config
    from ck19ml.workflows.simulate import simulate as simulate_plate

    config = build_config(SimulateConfig, {"layout": layout, **settings}, "simulate")
    simulate_plate(Path(folder), config, overwrite=overwrite)
    return open_plate(folder)


def open_plate(folder: str | Path, *, strict: bool = True) -> "Plate":
    """List the fields of a plate folder; no image is read.

    Parameters
    ----------
    folder : str or Path
        Folder of the images: an export of an instrument, or an OME-Zarr plate.
    strict : bool
        Whether files that are wrong, such as a channel without its partner, end in an error;
        otherwise they are listed in `Plate.problems`.

    Raises
    ------
    Ck19Error
        If the folder has no images, nothing says what they show, or files are wrong.

    Examples
    --------
    >>> plate = ck19ml.open_plate("plate")
    >>> plate.wells[:3]
    ['A03', 'A09', 'A16']
    >>> plate.fields[0].dc.name
    'CK19 - A - 3(fld 1 wv TexasRed - TexasRed).tif'
    """
    from ck19ml.plates.folder import find_plate

    return find_plate(Path(folder), strict=strict)


def read_layout(source: "Plate | str | Path") -> "pd.DataFrame":
    """Read which stimulation and compound each well holds.

    Parameters
    ----------
    source : Plate, str or Path
        A plate, whose own layout is read; or a layout file (.csv, .xlsx or .toml).

    Returns
    -------
    DataFrame, one row a well
        well, stimulation, compound ("" where none), concentration_um (NaN where none) and control
        ("", "vehicle" or "untreated").

    Raises
    ------
    Ck19Error
        If there is no layout, or it cannot be understood.

    Examples
    --------
    >>> layout = ck19ml.read_layout(plate)
    >>> layout["stimulation"].value_counts().to_dict()
    {'Unstimulated': 6, 'OVA': 6, 'ConA': 6}
    """
    from ck19ml.plates.folder import Plate
    from ck19ml.plates.layouts.reading import read_layout as read_file
    from ck19ml.workflows.steps.layouts import plate_layout

    return plate_layout(source, None) if isinstance(source, Plate) else read_file(Path(source))


def prepare(
    plates: "Plate | Sequence[Plate]",
    target: str | Path,
    *,
    overwrite: bool = False,
    **settings: Any,
) -> "Dataset":
    """Turn plates into one dataset of patches, masks and overlap.

    A dataset that these plates and settings made already is opened. What was understood of the
    plates is printed on standard error.

    Parameters
    ----------
    plates : Plate or sequence of Plate
        Plates of one camera, each with its layout.
    target : str or Path
        Dataset to write, ``NAME.zarr``.
    overwrite : bool
        Whether to replace an existing dataset.
    **settings
        Keys of the config `PrepareConfig`, such as mask, patch_size, illumination, skip_bad,
        workers.

    Raises
    ------
    Ck19Error
        If a setting is wrong, fields have problems, or another dataset exists at the target.

    Examples
    --------
    >>> ck19ml.prepare(plate, "plate.zarr")
    Dataset('plate', 18 wells, 72 patches of 192 pixels, mask instrument)
    """
    from ck19ml.config import PrepareConfig, build_config
    from ck19ml.workflows import prepare as workflow

    config = build_config(PrepareConfig, settings, "prepare")
    done = None if overwrite else workflow.prepared(plates, Path(target), config)
    return done or workflow.prepare(plates, Path(target), config)


def open_dataset(path: str | Path) -> "Dataset":
    """Open a prepared dataset for reading; its tables are verified against their hashes.

    Raises
    ------
    Ck19Error
        If there is no dataset, or it is incomplete or damaged.

    Examples
    --------
    >>> dataset = ck19ml.open_dataset("plate.zarr")
    >>> dataset.read(dataset.usable()[:2]).shape
    (2, 192, 192, 2)
    >>> dataset.table.groupby("stimulation")["overlap"].mean().idxmax()
    'ConA'
    """
    from ck19ml.plates.dataset.store import open_dataset as open_path

    return open_path(Path(path))


def load_model(model: str | Path) -> "Scorer":
    """Load a trained model; nothing in it is executed.

    Parameters
    ----------
    model : str or Path
        Folder that `Scorer.save` wrote, for which MLflow is not loaded; or an MLflow model URI
        such as ``models:/ck19-classifier@champion``.

    Raises
    ------
    Ck19Error
        If there is no model, or ck19ml did not make it.

    Examples
    --------
    >>> model = ck19ml.load_model("model")
    >>> model
    Scorer(classifier of Unstimulated, OVA, ConA; an encoder; trained softmax head)
    """
    from ck19ml.networks.card import CARD

    if (Path(model) / CARD).is_file():
        from ck19ml.networks.scorer import load_scorer

        return load_scorer(Path(model))
    from ck19ml.tracking import registry

    return registry.load_model(str(model))


def evaluate(model: "Scorer", dataset: "Dataset") -> "Evaluation":
    """Evaluate a model on the wells of a dataset that it has not seen.

    Raises
    ------
    Ck19Error
        If the model has seen every well, or the dataset does not suit it.

    Examples
    --------
    >>> evaluation = ck19ml.evaluate(model, dataset)
    >>> evaluation
    Evaluation(18 wells, well_accuracy 0...)
    >>> evaluation.wells[["well", "stimulation", "predicted"]].shape
    (18, 3)
    """
    from ck19ml.networks.evaluation import evaluate as evaluate_rows

    return evaluate_rows(model, dataset)


def explain(
    model: "Scorer", dataset: "Dataset", wells: "int | str | Sequence[str]" = 3
) -> "Explanation":
    """Remove cells from the images of wells, and ask a classifier again.

    All DCs, all T cells, the T cells that touch a DC, and as many others are painted over with the
    background around them; then all that the model sees is measured again.

    Parameters
    ----------
    wells : int, str or sequence of str
        Names of wells that the model has not seen; or how many: the surest right answer of each
        stimulation in turn.

    Raises
    ------
    Ck19Error
        If the model is no classifier, the plate's images are not there, or a well is not among
        those that `evaluate` scores.

    Examples
    --------
    >>> explanation = ck19ml.explain(model, dataset, "A03")
    >>> explanation.table[["removed", "change"]].shape
    (4, 2)
    """
    from ck19ml.workflows.reporting.explanation import explain_wells

    which = [wells] if isinstance(wells, str) else wells
    return explain_wells(model, dataset, evaluate(model, dataset).wells, which)


def screen(
    model: "Scorer",
    dataset: "Dataset",
    *,
    target: str = "",
    reference: str = "",
    fdr: float = 0.05,
    ssmd: float = 2.0,
) -> "Screen":
    """Rank the compounds of a dataset by how they change the interaction, according to a model.

    Parameters
    ----------
    target : str
        Stimulation whose probability is a classifier's score; by default the one of the highest
        mean overlap in training.
    reference : str
        Stimulation without interaction, where its name does not say so.
    fdr : float
        False discovery rate of the hits.
    ssmd : float
        Smallest absolute SSMD of a hit.

    Raises
    ------
    Ck19Error
        If a rate is out of range, the model gives no score, or the dataset does not suit it.

    Examples
    --------
    >>> found = ck19ml.screen(model, dataset)
    >>> found
    Screen(18 wells, ConA against Unstimulated, ... of 18 conditions are hits)
    >>> found.hits[["stimulation", "compound", "concentration_um", "score_hit"]].shape
    (18, 4)
    """
    from ck19ml.workflows.screen import require_bounds
    from ck19ml.workflows.screening.analysis import screen_dataset
    from ck19ml.workflows.screening.score import score_meaning

    require_bounds(fdr, ssmd)
    meaning = score_meaning(model.card, target, reference)
    return screen_dataset(model, dataset, meaning, fdr, ssmd)
