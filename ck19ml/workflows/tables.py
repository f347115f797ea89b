"""Write tables of a dataset: an encoder's features as profiles, and its cells.

What costs nothing to check is checked here, before Keras and MLflow are loaded.
"""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from ck19ml.core.patches import rescale
from ck19ml.core.quality import counts
from ck19ml.errors import ConfigError
from ck19ml.files.writing import replacing, require_all_new, require_new, write_csv
from ck19ml.plates.dataset.store import Dataset, open_dataset
from ck19ml.plates.dataset.well_measures import well_measures
from ck19ml.workflows.outcome import Outcome

PICTURES = (".png", ".svg", ".pdf")


def features_command(
    uri: str, path: Path, out: Path, *, patches: bool, normalise: str = "none", overwrite: bool
) -> Outcome:
    """Write one profile a well, or one a patch, as pycytominer reads them.

    Raises
    ------
    ConfigError
        If the output's name does not end with ``.parquet``, or profiles cannot be normalised:
        those of patches, or those of wells where pycytominer is not installed.
    """
    if normalise != "none":
        if patches:
            raise ConfigError("--normalise is for profiles of wells; leave out --patches")
        if find_spec("pycytominer") is None:
            raise ConfigError("--normalise needs pycytominer; pip install 'ck19ml[profiles]'")
    if out.suffix != ".parquet":
        raise ConfigError(f"{out} does not end with .parquet; rename it")
    require_new(out, overwrite=overwrite)
    dataset = open_dataset(path)
    from ck19ml.workflows.steps.profiles import write_profiles

    return write_profiles(uri, dataset, out, patches=patches, normalise=normalise)


def cells_command(
    path: Path, out: Path, wells: Path | None, figure: Path | None, *, overwrite: bool
) -> Outcome:
    """Write the cells of a dataset and their contacts, a row a cell, and what wells come to.

    Raises
    ------
    ConfigError
        If the figure's name does not end with one of `PICTURES`.
    PlateError
        If the dataset holds no cells, or a file exists.
    """
    if figure is not None and figure.suffix.lower() not in PICTURES:
        raise ConfigError(f"the figure {figure} does not end with {', '.join(PICTURES)}; rename it")
    require_all_new((out, wells, figure), overwrite=overwrite)
    dataset = open_dataset(path)
    panel = dataset.panel
    if figure is not None:
        dataset.require_pair("--figure")
    cells, measures = dataset.cells, well_measures(dataset)
    write_csv(cells, out)
    if wells is not None:
        write_csv(measures, wells)
    if figure is not None:
        _draw(dataset, figure)
    lines = [f"{out}: {len(cells)} cells of {len(measures)} wells"]
    for name, own in measures.groupby("stimulation"):
        if not panel.pair:
            counted = [f"{own[n].mean():.0f} in {n.removeprefix('cells_')}" for n in counts(panel)]
            lines.append(f"{name}, cells, mean of {len(own)} wells: {', '.join(counted)}")
            continue
        means = own[["tcell_contact", "contacts_per_tcell", "contact_area_um2"]].mean()
        lines.append(
            f"{name}, mean of {len(own)} wells: {means['tcell_contact']:.1%} of the T cells touch "
            f"a DC, {means['contacts_per_tcell']:.2f} contacts a T cell of "
            f"{means['contact_area_um2']:.0f} um2 (median)"
        )
    made = [str(each) for each in (out, wells, figure) if each is not None]
    return Outcome(lines, {"cells": len(cells), "wells": len(measures), "files": made})


def _draw(dataset: Dataset, figure: Path) -> None:
    """Draw the patch with the most T cells in contact."""
    from ck19ml import plots

    row = int(dataset.table["tcells_in_contact"].to_numpy().argmax())
    patch = dataset.table.iloc[row]
    size = dataset.parameters["patch_size"]
    cells, here = dataset.cells, np.array([patch["y"], patch["x"]])
    for name in ("plate", "well", "field"):
        cells = cells[cells[name] == patch[name]]
    at = cells[["centroid_y", "centroid_x"]].to_numpy() - here
    inside = ((at > -0.5) & (at < size - 0.5)).all(axis=1)
    drawn = plots.cells_in_contact(
        rescale(dataset.read(np.array([row])))[0],
        dataset.read_masks(np.array([row]))[0],
        cells[inside].assign(y=at[inside, 0], x=at[inside, 1]),
        title=f"{patch['plate']} {patch['well']}, patch {patch['patch']}, {patch['stimulation']}",
        pixel_size_um=float(dataset.info["pixel_size_um"]),
    )
    with replacing(figure) as made:
        made.write_bytes(plots.to_bytes(drawn, figure.suffix.lower().lstrip(".")))
