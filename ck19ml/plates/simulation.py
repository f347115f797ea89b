"""Write a simulated plate as the instrument would write a real one, with the truth beside it."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

import ck19ml
from ck19ml.core import overlap, patches
from ck19ml.core.simulation import rendering
from ck19ml.core.simulation.compounds import Effect
from ck19ml.core.simulation.conditions import Influence
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.core.wells import column, row_letter
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.csv_text import to_csv
from ck19ml.files.writing import making, restore
from ck19ml.plates.simulated_wells import (
    influences,
    normalise,
    true_effects,
    well_generator,
)

FIELD = 1
"""One field a well (DOMAIN.md, the raw data)."""

RECORD = "simulation.json"
"""The file by which a simulated plate is known."""


def simulate_plate(
    out: Path,
    layout: pd.DataFrame,
    *,
    plate: str = "CK19",
    size: int = 2048,
    seed: int = 2211,
    parameters: Parameters | None = None,
    brightfield: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate a plate into a folder of TIFFs, with its layout and its truth.

    Each well depends only on the seed, the parameters and its own row of the layout, so a part of a
    layout gives the same files for its wells; the same seed gives the same bytes. The folder
    appears under its name only when it is complete.

    Parameters
    ----------
    out : Path
        The plate folder to write: two 16-bit TIFFs a well (three with brightfield), `layout.csv`,
        `truth.parquet` (one row a patch), `wells.parquet` (one row a well), `simulation.json`.
    layout : DataFrame
        One row a well: well (`A03`), stimulation and, optionally, compound, concentration_um,
        control. DMSO and vehicle controls have no effect. In a layout with several concentrations
        every compound inhibits, in one with a single concentration some do.
    plate : str
        Name of the plate, the first part of the file names.
    size : int
        Side of a field in pixels, at least one patch.
    seed : int
        Seed of everything, not negative.
    parameters : Parameters, optional
        Cells, camera, optics, plate positions and compounds.
    brightfield : bool
        Whether to write the brightfield channel too.
    overwrite : bool
        Whether to replace an earlier simulated plate.
    progress : callable, optional
        Called with the number of wells done and to do.

    Returns
    -------
    Path
        The plate folder.

    Raises
    ------
    ConfigError
        If a stimulation is not known, the size is below one patch or the seed is negative.
    PlateError
        If the layout is invalid, or the folder exists and may not be replaced or cannot be written.
    """
    parameters = parameters or Parameters()
    wells = normalise(layout)
    _check(wells, parameters, plate, size, seed)
    effects = true_effects(wells, seed, parameters)
    order = _Order(wells, effects, parameters, plate, size, seed, brightfield)
    with making(out) as partial:
        _check_target(out, overwrite)
        _write(partial, order, progress)
    return out


def _check(wells: pd.DataFrame, parameters: Parameters, plate: str, size: int, seed: int) -> None:
    for stimulation in wells["stimulation"].unique():
        parameters.condition(stimulation)
    if size < patches.PATCH_SIZE or seed < 0 or "/" in plate:
        raise ConfigError(
            f"plate {plate!r} of size {size} and seed {seed} cannot be simulated; choose a size "
            f"of at least {patches.PATCH_SIZE} pixels, a seed of at least 0 and a "
            "name without a slash"
        )


def _check_target(out: Path, overwrite: bool) -> None:
    restore(out)
    if not out.exists():
        return
    if not overwrite:
        raise PlateError(f"{out} already exists; use --overwrite to replace it")
    if not out.is_dir() or (any(out.iterdir()) and not (out / RECORD).is_file()):
        raise PlateError(
            f"{out} exists and is not a simulated plate (it has no {RECORD}); choose another name, "
            "or remove it yourself"
        )


@dataclass(frozen=True)
class _Order:
    """The plate to simulate."""

    wells: pd.DataFrame
    effects: dict[str, Effect]
    parameters: Parameters
    plate: str
    size: int
    seed: int
    brightfield: bool


def _write(folder: Path, order: _Order, progress: Callable[[int, int], None] | None) -> None:
    truths, rows = [], []
    acting = influences(
        order.wells, order.effects, order.parameters, plate=order.plate, seed=order.seed
    )
    for done, (well, influence) in enumerate(zip(order.wells.itertuples(), acting, strict=True), 1):
        view = _write_well(folder, order, str(well.well), str(well.stimulation), influence)
        truths.append(_patch_truth(order.plate, str(well.well), view))
        rows.append(_well_truth(order.plate, str(well.well), view) | _influence_truth(influence))
        if progress:
            progress(done, len(order.wells))
    (folder / "layout.csv").write_text(to_csv(order.wells), encoding="utf-8")
    pd.concat(truths, ignore_index=True).to_parquet(folder / "truth.parquet", index=False)
    described = order.wells.merge(pd.DataFrame(rows), on="well", validate="one_to_one")
    described.to_parquet(folder / "wells.parquet", index=False)
    (folder / RECORD).write_text(json.dumps(_record(order), indent=2) + "\n", encoding="utf-8")


def _write_well(
    folder: Path, order: _Order, well: str, stimulation: str, influence: Influence
) -> SimulatedField:
    rng = well_generator(well, order.seed)
    view = simulate_field(stimulation, order.parameters, order.size, rng, influence)
    channels = {"FITC": view.tcell, "TexasRed": view.dc}
    if order.brightfield:
        channels["Brightfield"] = rendering.brightfield(view.dc_mask | view.tcell_mask, rng)
    for channel, values in channels.items():
        path = folder / file_name(order.plate, well, channel)
        _write_tiff(path, values, order.parameters.pixel_um)
    return view


def _record(order: _Order) -> dict[str, object]:
    """Return everything that determines the plate, and the true effects."""
    return {
        "software": f"ck19ml {ck19ml.__version__}",
        "plate": order.plate,
        "seed": order.seed,
        "size": order.size,
        "brightfield": order.brightfield,
        "inhibitors": [name for name, effect in order.effects.items() if effect.largest > 0],
        "toxic": [name for name, effect in order.effects.items() if effect.toxic],
        "effects": {name: asdict(effect) for name, effect in order.effects.items()},
        "parameters": order.parameters.model_dump(mode="json"),
    }


def file_name(plate: str, well: str, channel: str) -> str:
    """Name a file as the instrument does.

    Examples
    --------
    >>> file_name("CK19", "A03", "FITC")
    'CK19 - A - 3(fld 1 wv FITC - FITC).tif'
    """
    return (
        f"{plate} - {row_letter(well)} - {column(well)}(fld {FIELD} wv {channel} - {channel}).tif"
    )


def _write_tiff(path: Path, values: NDArray[np.uint16], pixel_um: float) -> None:
    per_cm = 1e4 / pixel_um
    tifffile.imwrite(
        path,
        values,
        photometric="minisblack",
        metadata=None,
        software=False,
        resolution=(per_cm, per_cm),
        resolutionunit="CENTIMETER",
    )


def _patch_truth(plate: str, well: str, view: SimulatedField) -> pd.DataFrame:
    """Return areas and overlap of the true masks, T cells and bound ones, one row a patch."""
    cut = patches.cut(np.stack([view.dc_mask, view.tcell_mask], axis=-1))
    measured = overlap.score(cut.astype(bool, copy=False))
    faulty = patches.is_faulty(patches.cut(np.stack([view.dc, view.tcell], axis=-1)))
    counts = {
        name: patches.count_points(yx, *view.dc.shape)
        for name, yx in (("tcell_count", view.tcell_yx), ("contacts", view.contact_yx))
    }
    table = pd.DataFrame({**asdict(measured), "faulty": faulty, **counts})
    table.insert(0, "plate", plate)
    table.insert(1, "well", well)
    table.insert(2, "field", FIELD)
    table.insert(3, "patch", np.arange(len(table)))
    return table


def _well_truth(plate: str, well: str, view: SimulatedField) -> dict[str, object]:
    """Return the truth of the whole field: cells, areas and contacts."""
    both = int(np.count_nonzero(view.dc_mask & view.tcell_mask))
    return {
        "plate": plate,
        "well": well,
        "field": FIELD,
        "tcell_count": view.tcell_count,
        "dc_count": view.dc_count,
        "tcell_area_um2": view.tcell_area_um2,
        "dc_area_um2": view.dc_area_um2,
        "tcell_overlap": both / max(int(np.count_nonzero(view.tcell_mask)), 1),
        "contacts": view.contacts,
        "contact_probability": view.contact_probability,
        "view": view.view,
    }


def _influence_truth(influence: Influence) -> dict[str, object]:
    """Return what acts on a well: effects of its compound, and logarithms of its position terms.

    tcell_effect and dc_effect are the factors of the compound on the counts, killing included.
    """
    response = influence.response
    return {
        "inhibition": response.inhibition,
        "toxic": response.toxic,
        "tcell_effect": response.tcell_count,
        "dc_effect": response.dc_count,
        "tcell_killed": response.tcell_killed,
        "dc_killed": response.dc_killed,
        "odd": influence.odd,
        **{f"position_{name}": value for name, value in influence.terms.model_dump().items()},
    }
