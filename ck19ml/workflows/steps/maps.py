"""Maps of patches by the features of an encoder: a figure, and an interactive page."""

from functools import partial

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ck19ml import plots
from ck19ml.core.patches import rescale
from ck19ml.networks.embedding import MOST_POINTS, Mapping, embed
from ck19ml.networks.scorer import Scorer, in_portions
from ck19ml.plates.dataset.store import Dataset

MOST_POINTED_AT = 5000
"""Patches of an interactive map at most: a page of about 9 MB. UMAP of 5,000 x 2,304 features took
25 s on 2 busy cores, where 2,000 took 19 s."""

KEYS = ["plate", "well", "field", "patch"]


def map_figure(
    scorer: Scorer, dataset: Dataset, rows: NDArray[np.integer], seed: int
) -> dict[str, Figure]:
    """Map the features of the patches in these rows, (n,), by PCA; none without an encoder."""
    if not scorer.has_encoder:
        return {}
    rows = _some(np.asarray(rows), MOST_POINTS, seed)
    table = dataset.table.iloc[rows]
    mapped = embed(in_portions(scorer.features, partial(scorer.read, dataset), rows), seed)
    return {"pca": plots.feature_map(mapped, table["stimulation"], table.get("overlap"))}


def maps(
    scorer: Scorer,
    dataset: Dataset,
    rows: NDArray[np.integer],
    predictions: pd.DataFrame,
    seed: int,
    how: Mapping,
) -> tuple[Figure, str]:
    """Map the encoder's features of these patches once, and draw them twice.

    Parameters
    ----------
    rows : ndarray, (n,), int
        Patches of the dataset; of more than `MOST_POINTED_AT` a random choice.
    predictions : DataFrame, one row a patch
        `KEYS`, and the columns of `evaluation.Evaluation.patches`.
    seed : int
        Of the choice and of the map.

    Returns
    -------
    figure : Figure
        At most `MOST_POINTS` of them, colour by stimulation and size by overlap.
    page : str
        HTML that shows the patch under the mouse, with its well and both values.
    """
    from ck19ml.plots.interactive import interactive_map, thumbnails  # Bokeh takes a second

    chosen = _some(np.asarray(rows), MOST_POINTED_AT, seed)
    mapped = embed(in_portions(scorer.features, partial(scorer.read, dataset), chosen), seed, how)
    table = dataset.table.iloc[chosen][[*KEYS, "compound", "concentration_um"]].merge(
        predictions, on=KEYS, how="left", validate="1:1"
    )
    places = list(dataset.panel.places)
    pictures = in_portions(
        lambda raw: np.array(thumbnails(rescale(raw[..., places]))), dataset.read, chosen
    )
    drawn = _some(np.arange(len(chosen)), MOST_POINTS, seed)
    few = table.iloc[drawn]
    name = how.upper()
    figure = plots.feature_map(mapped[drawn], few["stimulation"], few.get("overlap"), method=name)
    title = f"{name} of {dataset.name} by the {scorer.card.kind}'s encoder"
    return figure, interactive_map(mapped, table, pictures.tolist(), title=title, method=name)


def _some(rows: NDArray[np.integer], most: int, seed: int) -> NDArray[np.integer]:
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
