"""Profiles: an encoder's features of wells and patches, in pycytominer's columns."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ck19ml.core.screening.replicates import replicate_line, replicate_precision
from ck19ml.errors import ConfigError, PlateError
from ck19ml.files.writing import replacing
from ck19ml.networks.evaluation import require_fitting
from ck19ml.networks.scorer import Scorer, portions
from ck19ml.plates.dataset.store import Dataset
from ck19ml.tracking import registry
from ck19ml.tracking.assays import dataset_assay
from ck19ml.workflows.outcome import Outcome
from ck19ml.workflows.progress import bar
from ck19ml.workflows.steps.gate import champion_for

PREFIX = "Cells_Encoder_"
"""Prefix by which pycytominer recognises features."""

COLUMNS = {
    "plate": "Metadata_Plate",
    "well": "Metadata_Well",
    "field": "Metadata_Site",
    "patch": "Metadata_Patch",
    "stimulation": "Metadata_Stimulation",
    "compound": "Metadata_Compound",
    "concentration_um": "Metadata_Concentration_uM",
    "control": "Metadata_Control",
    "overlap": "Metadata_Overlap",
}
"""Columns of a dataset, and their names in a profile."""

OF_PATCHES = ("field", "patch")

NORMALISED_IN = {
    "vehicle": ["Metadata_Plate", "Metadata_Stimulation"],
    "spherize": ["Metadata_Plate"],
}
"""Ways to normalise profiles, and the wells that are normalised together."""


def feature_names(count: int) -> list[str]:
    """Name the encoder's outputs.

    Examples
    --------
    >>> feature_names(2)
    ['Cells_Encoder_0001', 'Cells_Encoder_0002']
    """
    return [f"{PREFIX}{index:04d}" for index in range(1, count + 1)]


def write_profiles(
    uri: str, dataset: Dataset, out: Path, *, patches: bool, normalise: str = "none"
) -> Outcome:
    """Write the features of a dataset's usable patches, or their mean in each well, to Parquet."""
    uri = champion_for(uri, dataset_assay(dataset))
    scorer = registry.load_model(uri)
    count = _feature_count(scorer)
    require_fitting(dataset, scorer.card)
    rows = dataset.usable()
    if not len(rows):
        raise PlateError(f"all patches in {dataset.path} are faulty; prepare other wells")
    table = _metadata(dataset, scorer.card.seen)
    agreement: list[str] = []
    if patches:
        written = _write_patches(scorer, dataset, rows, table, out)
    else:
        profiles = normalised(well_profiles(scorer, dataset, rows, table), normalise)
        with replacing(out) as made:
            profiles.to_parquet(made, index=False)
        written, agreement = len(profiles), reproducibility(profiles)
    wells = dataset.table[["plate", "well"]]
    lost = len(wells.drop_duplicates()) - len(wells.iloc[rows].drop_duplicates())
    what = "patches" if patches else "wells"
    lines = [f"{out}: {count} features of {written} {what} of {dataset.name} by {uri}"]
    if lost:
        lines.append(f"{lost} wells without a usable patch are left out")
    return Outcome(
        lines + agreement,
        {"out": str(out), "model": uri, what: written, "features": count, "left_out": lost},
    )


def _feature_count(scorer: Scorer) -> int:
    try:
        return int(scorer.encoder.output_shape[-1])
    except ValueError as error:  # Keras raises it for a missing layer
        raise ConfigError(
            f"this {scorer.card.kind} has no encoder; use an autoencoder, or a classifier or "
            "regressor on an encoder"
        ) from error


def _metadata(dataset: Dataset, seen: frozenset[str]) -> pd.DataFrame:
    """Metadata columns of all patches of a dataset."""
    known = [name for name in COLUMNS if name in dataset.table]
    table = dataset.table[known].rename(columns=COLUMNS)
    for name in ("Metadata_Compound", "Metadata_Control"):
        table[name] = table[name].fillna("").astype(str)
    return table.assign(Metadata_Seen=dataset.seen(dataset.table, seen))


def _batches(
    scorer: Scorer, dataset: Dataset, rows: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.integer], NDArray[np.float32]]]:
    with bar(f"features of {dataset.name}") as progress:
        for part, patches in portions(partial(scorer.read, dataset), rows, progress):
            yield part, scorer.features(patches).reshape(len(part), -1)


def well_profiles(
    scorer: Scorer, dataset: Dataset, rows: NDArray[np.intp], metadata: pd.DataFrame
) -> pd.DataFrame:
    """Mean features of the patches with these rows in each well.

    Parameters
    ----------
    rows : ndarray of int, (n,)
        Usable patches.
    metadata : DataFrame
        Of all patches of the dataset, in its order.

    Returns
    -------
    DataFrame, one row a well
        Metadata_Plate ... Metadata_Control, Metadata_Overlap (mean IoU), Metadata_Seen,
        Metadata_Patches (how many the mean is of), and the features (float32).
    """
    own = metadata.iloc[rows]
    grouped = own.groupby(["Metadata_Plate", "Metadata_Well"], sort=True)
    well = pd.Series(grouped.ngroup().to_numpy(np.intp), index=rows)
    counts = np.bincount(well)
    names = feature_names(_feature_count(scorer))
    sums = np.zeros((len(counts), len(names)))
    for part, features in _batches(scorer, dataset, rows):
        np.add.at(sums, well.loc[part].to_numpy(), features)
    means = (sums / counts[:, None]).astype(np.float32)
    left = own.drop(columns=[COLUMNS[name] for name in OF_PATCHES] + ["Metadata_Overlap"])
    labels = left.groupby(["Metadata_Plate", "Metadata_Well"], sort=True).first().reset_index()
    labels["Metadata_Overlap"] = grouped["Metadata_Overlap"].mean().to_numpy()
    labels["Metadata_Patches"] = counts
    return pd.concat([labels, pd.DataFrame(means, columns=names)], axis=1)


def normalised(profiles: pd.DataFrame, method: str) -> pd.DataFrame:
    """Normalise profiles against the vehicle wells, by pycytominer.

    Parameters
    ----------
    profiles : DataFrame
        Of wells.
    method : {'none', 'vehicle', 'spherize'}
        `vehicle` subtracts the mean of the vehicle wells and divides by their SD, within a plate
        and stimulation. `spherize` makes the features of a plate's vehicle wells uncorrelated with
        a variance of one (ZCA-cor).

    Raises
    ------
    PlateError
        If wells have fewer than two vehicle wells.
    """
    if method == "none":
        return profiles
    from pycytominer import normalize

    groups, found = NORMALISED_IN[method], []
    for names, wells in profiles.groupby(groups, sort=True):
        if (wells["Metadata_Control"] == "vehicle").sum() < 2:
            raise PlateError(
                f"{', '.join(map(str, names))}: fewer than 2 vehicle wells to normalise against; "
                "name the vehicle wells in the layout, or leave out --normalise"
            )
        how = "standardize" if method == "vehicle" else method
        found.append(normalize(wells, samples="Metadata_Control == 'vehicle'", method=how))
    return pd.concat(found).sort_values(NORMALISED_IN["spherize"] + ["Metadata_Well"])


def reproducibility(profiles: pd.DataFrame) -> list[str]:
    """Report the mean average precision of replicates by the cosine of profiles of wells."""
    wells = profiles.rename(columns={name: column for column, name in COLUMNS.items()})
    values = wells.filter(regex="^Cells_").to_numpy(np.float64)
    vehicle = (wells["control"] == "vehicle").to_numpy(bool)
    return replicate_line(replicate_precision(wells, vehicle, values, "cosine"))


def _write_patches(
    scorer: Scorer, dataset: Dataset, rows: NDArray[np.intp], metadata: pd.DataFrame, out: Path
) -> int:
    """Write one row a patch, batch by batch: a plate's features need not fit into memory."""
    names = feature_names(_feature_count(scorer))
    schema = None
    with replacing(out) as made:
        writer = None
        try:
            for part, features in _batches(scorer, dataset, rows):
                labels = metadata.iloc[part].reset_index(drop=True)
                batch = pd.concat([labels, pd.DataFrame(features, columns=names)], axis=1)
                table = pa.Table.from_pandas(batch, schema=schema, preserve_index=False)
                if writer is None:
                    schema = table.schema
                    writer = pq.ParquetWriter(made, schema)
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()
    return len(rows)
