"""Write a simulated plate as the instrument would have, with the truth beside it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

import ck19ml
from ck19ml.core import overlap, patches
from ck19ml.core.effects import NONE, Effect, draw_effect
from ck19ml.core.rendering import brightfield as draw_brightfield
from ck19ml.core.simulate import SimulatedField, simulate_field
from ck19ml.core.simulation_parameters import Parameters
from ck19ml.errors import ConfigError, PlateError

FIELD = 1
"""One field a well (DOMAIN.md, the raw data)."""

LAYOUT_COLUMNS = ["well", "stimulation", "compound", "concentration_um", "control"]

WELL = r"[A-P](?:0[1-9]|1\d|2[0-4])"
"""Wells of a 384-well plate: rows A-P, columns 01-24."""


def simulate_plate(
    out: Path,
    layout: pd.DataFrame,
    *,
    plate: str = "CK19",
    size: int = 2048,
    seed: int = 2211,
    brightfield: bool = False,
    overwrite: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Simulate a plate into a folder of TIFFs, with its layout and its truth.

    Each well depends on the seed and its own row of the layout alone, so a part of a layout
    gives the same files for its wells; the same seed gives the same bytes. The folder appears
    under its name only when it is complete.

    Parameters
    ----------
    out : Path
        The plate folder to write: two 16-bit TIFFs a well (three with brightfield), `layout.csv`,
        `truth.parquet` (one row a patch), `wells.parquet` (one row a well), `simulation.json`.
    layout : DataFrame
        One row a well: well (`A03`), stimulation, and where there are any compound,
        concentration_um, control. DMSO and vehicle controls have no effect. On a layout with several
        concentrations every compound inhibits, on one with a single concentration some do.
    plate : str
        Name of the plate, the first part of the file names.
    size : int
        Side of a field in pixels, at least one patch.
    seed : int
        Seed of everything, not negative.
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
        If the layout is not what it must be, or the folder exists and may not be replaced.
    """
    parameters = Parameters()
    wells = normalise(layout)
    _check(wells, parameters, size, seed)
    _check_target(out, overwrite)
    effects = true_effects(wells, seed)
    partial = out.parent / f".{out.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _write(partial, wells, effects, parameters, plate, size, seed, brightfield, progress)
        if out.exists():
            shutil.rmtree(out)
        partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return out


def normalise(layout: pd.DataFrame) -> pd.DataFrame:
    """Bring a layout to its five columns; what is missing is empty text or NaN.

    Raises
    ------
    PlateError
        If a column that is needed is missing, or a well is no well or named twice.
    """
    missing = [name for name in ("well", "stimulation") if name not in layout]
    if missing:
        raise PlateError(
            f"expected the layout columns well and stimulation, found no {', '.join(missing)}; "
            "add or rename the columns"
        )
    wells = layout.reindex(columns=LAYOUT_COLUMNS).reset_index(drop=True)
    for name in ("well", "stimulation", "compound", "control"):
        wells[name] = [_text(value) for value in wells[name]]
    wells["concentration_um"] = pd.to_numeric(wells["concentration_um"]).astype(float)
    wrong = wells.loc[~wells["well"].str.fullmatch(WELL) | wells["well"].duplicated(), "well"]
    if len(wells) == 0 or len(wrong):
        raise PlateError(
            f"expected wells A01 to P24, each once, found {', '.join(wrong[:5]) or 'none'}; "
            "correct the layout's column well"
        )
    return wells


def _text(value: object) -> str:
    """Text of a cell of the layout; a number that lost its integer type to a gap gets it back."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _check(wells: pd.DataFrame, parameters: Parameters, size: int, seed: int) -> None:
    for stimulation in wells["stimulation"].unique():
        parameters.condition(stimulation)
    if size < patches.PATCH_SIZE or seed < 0:
        raise ConfigError(
            f"expected a size of at least {patches.PATCH_SIZE} pixels and a seed of at least 0, "
            f"found size {size} and seed {seed}; correct them"
        )
    lost = wells.loc[_treated(wells) & wells["concentration_um"].isna(), "well"]
    if len(lost):
        raise PlateError(
            f"expected a concentration with each compound, found none in {', '.join(lost[:5])}"
            f" ({len(lost)} wells); fill the layout's column concentration_um"
        )


def _check_target(out: Path, overwrite: bool) -> None:
    if not out.exists():
        return
    if not overwrite:
        raise PlateError(
            f"expected no folder {out}, found one; choose another name or overwrite it"
        )
    if not out.is_dir() or (any(out.iterdir()) and not (out / "simulation.json").is_file()):
        raise PlateError(
            f"expected a simulated plate to overwrite in {out}, found no simulation.json there; "
            "choose another name or remove it yourself"
        )


def _treated(wells: pd.DataFrame) -> "pd.Series[bool]":
    """Wells with a compound that is not the vehicle."""
    return ~wells["compound"].isin(["", "DMSO"]) & (wells["control"] != "vehicle")


def true_effects(wells: pd.DataFrame, seed: int) -> dict[str, Effect]:
    """Draw the true effect of each compound of a normalised layout.

    Each compound's generator depends on the seed and its name alone.
    """
    treated = wells[_treated(wells)]
    series = treated["concentration_um"].nunique() > 1
    return {
        compound: draw_effect(
            compound, np.random.default_rng([seed, *compound.encode()]), active=series
        )
        for compound in treated["compound"].unique()
    }


def inhibitions(wells: pd.DataFrame, seed: int) -> list[float]:
    """Inhibition in [0, 1] of each well of a normalised layout; untreated and vehicle have none."""
    effects = true_effects(wells, seed)
    return [
        effects.get(compound, NONE).inhibition(concentration) if treated else 0.0
        for compound, concentration, treated in zip(
            wells["compound"], wells["concentration_um"], _treated(wells), strict=True
        )
    ]


def well_generator(well: str, seed: int) -> np.random.Generator:
    """Return the generator of one well, which depends on the seed and the well's name alone."""
    return np.random.default_rng([seed, ord(well[0]) - ord("A"), int(well[1:])])


def is_odd(well: str, seed: int, every: int) -> bool:
    """Tell whether a well is odd: one in `every`, spread evenly over rows and columns."""
    row, column = ord(well[0]) - ord("A"), int(well[1:])
    return every > 0 and (column + 3 * row + seed) % every == 0


def _write(
    folder: Path,
    wells: pd.DataFrame,
    effects: dict[str, Effect],
    parameters: Parameters,
    plate: str,
    size: int,
    seed: int,
    brightfield: bool,
    progress: Callable[[int, int], None] | None,
) -> None:
    truths, rows = [], []
    treated = _treated(wells)
    for done, well in enumerate(wells.itertuples(index=False), 1):
        effect = effects[well.compound] if treated.iloc[done - 1] else NONE
        inhibition = effect.inhibition(well.concentration_um)
        rng = well_generator(well.well, seed)
        odd = is_odd(well.well, seed, parameters.odd_every)
        view = simulate_field(
            well.stimulation, parameters, size, rng, inhibition=inhibition, odd=odd
        )
        channels = {"FITC": view.tcell, "TexasRed": view.dc}
        if brightfield:
            channels["Brightfield"] = draw_brightfield(view.dc_mask | view.tcell_mask, rng)
        for channel, values in channels.items():
            _write_tiff(folder / file_name(plate, well.well, channel), values, parameters.pixel_um)
        truths.append(_patch_truth(plate, well.well, view))
        rows.append(_well_truth(plate, well.well, view) | {"inhibition": inhibition, "odd": odd})
        if progress:
            progress(done, len(wells))
    wells.to_csv(folder / "layout.csv", index=False)
    pd.concat(truths, ignore_index=True).to_parquet(folder / "truth.parquet", index=False)
    described = wells.merge(pd.DataFrame(rows), on="well", validate="one_to_one")
    described.to_parquet(folder / "wells.parquet", index=False)
    record = {
        "software": f"ck19ml {ck19ml.__version__}",
        "plate": plate,
        "seed": seed,
        "size": size,
        "brightfield": brightfield,
        "inhibitors": sorted(name for name, effect in effects.items() if effect.largest > 0),
        "effects": {name: asdict(effect) for name, effect in effects.items()},
        "parameters": asdict(parameters),
    }
    (folder / "simulation.json").write_text(json.dumps(record, indent=2) + "\n")


def file_name(plate: str, well: str, channel: str) -> str:
    """Name a file as the instrument does.

    Examples
    --------
    >>> file_name("CK19", "A03", "FITC")
    'CK19 - A - 3(fld 1 wv FITC - FITC).tif'
    """
    return f"{plate} - {well[0]} - {int(well[1:])}(fld {FIELD} wv {channel} - {channel}).tif"


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
    """Areas and overlap of the true masks, one row a patch."""
    measured = overlap.score(patches.cut(np.stack([view.dc_mask, view.tcell_mask], axis=-1)))
    faulty = patches.is_faulty(patches.cut(np.stack([view.dc, view.tcell], axis=-1)))
    table = pd.DataFrame({**asdict(measured), "faulty": faulty})
    table.insert(0, "plate", plate)
    table.insert(1, "well", well)
    table.insert(2, "field", FIELD)
    table.insert(3, "patch", np.arange(len(table)))
    return table


def _well_truth(plate: str, well: str, view: SimulatedField) -> dict[str, object]:
    """What is true of the whole field."""
    both = np.count_nonzero(view.dc_mask & view.tcell_mask)
    return {
        "plate": plate,
        "well": well,
        "field": FIELD,
        "tcell_count": view.tcell_count,
        "dc_count": view.dc_count,
        "tcell_area_um2": view.tcell_area_um2,
        "dc_area_um2": view.dc_area_um2,
        "tcell_overlap": both / max(np.count_nonzero(view.tcell_mask), 1),
        "contacts": view.contacts,
        "contact_probability": view.contact_probability,
        "view": view.view,
    }
