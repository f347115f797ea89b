"""Fit a classifier that is computed in one go: from the wells' features to a scorer."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.closed_form.heads import fit_lda, fit_logistic
from ck19ml.core.closed_form.wells import FitHead, Wells, cross_fitted, fit_wells
from ck19ml.core.measurements.table import seen
from ck19ml.core.scores.calibration import fit_temperature
from ck19ml.core.scores.classification import index_of
from ck19ml.core.splits import unit_names
from ck19ml.core.wells import well_index
from ck19ml.errors import ConfigError
from ck19ml.networks.architectures import Network
from ck19ml.networks.batches import load_patches
from ck19ml.networks.closed_form.head import build_head
from ck19ml.networks.closed_form.pooled_encoder import build_pooled_encoder
from ck19ml.networks.scorer import Scorer, mask_network_of
from ck19ml.networks.settings import ClassifierSettings, ClosedFormHead, Source
from ck19ml.networks.training import predict
from ck19ml.workflows.steps.finish import card
from ck19ml.workflows.steps.split import Split

Floats = NDArray[np.float64]


def fit_of(head: ClosedFormHead) -> FitHead:
    """Return the function that fits heads of these settings."""
    if head.kind == "lda":
        return partial(fit_lda, balanced=head.balanced)
    return partial(fit_logistic, strength=head.strength, balanced=head.balanced)


def closed_form_of(
    config: ClassifierSettings,
    split: Split,
    encoder: Any,
    *,
    masked: bool,
    seed: int,
    threshold: float,
    refit: bool,
) -> Scorer:
    """Fit a closed-form classifier on the training wells, and calibrate it by inner folds of them.

    Parameters
    ----------
    encoder : keras.Model, optional
        Trained or not; its pooled features are seen where the source says so.
    refit : bool
        Whether to train on all wells but the test wells.

    Raises
    ------
    ConfigError
        If a class has no well to train on.
    """
    settings = config.closed_form
    assert settings is not None  # noqa: S101 (the caller has looked)
    rows = split.rows(*(split.fitted if refit else ("train",)))
    pooled = build_pooled_encoder(encoder) if config.has_encoder else None
    wells = wells_of(split, rows, features_of(split, rows, config.source, pooled, masked=masked))
    head = fit_closed_form(settings, wells)
    first, second = temperatures(fit_of(settings), wells, seed)
    known = card("classifier", split, masked=masked, seed=seed, threshold=threshold, refit=refit)
    known = known.changed(
        source=config.source, head=settings.kind, temperature=first, well_temperature=second
    )
    return Scorer(head, known, mask_network_of(split.dataset), pooled)


def fit_closed_form(settings: ClosedFormHead, wells: Wells) -> Network:
    """Fit a head on wells, as a network from pooled features to class probabilities.

    Raises
    ------
    ConfigError
        If a class has no well.
    """
    try:
        return build_head(fit_wells(fit_of(settings), wells))
    except ValueError as error:
        raise ConfigError(f"{error} to train on; take more wells or another split") from error


def features_of(
    split: Split, rows: NDArray[np.integer], source: Source, pooled: Network | None, *, masked: bool
) -> list[Floats]:
    """Return what each source says of patches, (n, features) each."""
    dataset, found = split.dataset, []
    if source != "encoder":
        columns = seen(source, dataset.panel)
        found.append(dataset.measurements.to_numpy(np.float64)[np.ix_(rows, columns)])
    if pooled is not None:
        patches = load_patches(dataset, rows, masked=masked)
        found.append(predict(pooled, patches).astype(np.float64))
    return found


def wells_of(split: Split, rows: NDArray[np.integer], sources: list[Floats]) -> Wells:
    """Put the patches of these rows together by wells, in the order of plate and well."""
    table = split.dataset.table.iloc[rows]
    well = well_index(table)
    first = np.unique(well, return_index=True)[1]
    plates, names = (list(table[name].iloc[first].astype(str)) for name in ("plate", "well"))
    groups = index_of(unit_names(plates, names, split.by))
    if groups.max() == 0:  # all of one plate or column
        groups = np.arange(len(first))
    labels = split.labels(rows)[first]
    widths = tuple(source.shape[1] for source in sources)
    return Wells(np.hstack(sources), well, labels, groups, widths)


def temperatures(fit: FitHead, wells: Wells, seed: int) -> tuple[float, float]:
    """Fit the temperatures of patches and of wells on inner folds; 1 where these cannot answer."""
    if wells.groups.max() == 0:
        return 1.0, 1.0
    of_wells, of_patches = cross_fitted(fit, wells, seed=seed)
    if np.isnan(of_wells).any():
        return 1.0, 1.0
    return (
        fit_temperature(np.exp(of_patches), wells.labels[wells.well]),
        fit_temperature(np.exp(of_wells), wells.labels),
    )
