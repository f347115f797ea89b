"""Two-dimensional maps of features."""

import warnings
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MOST_POINTS = 2000
"""Largest number of patches drawn; more would hide one another on half a page."""


FEWEST_POINTS = 3
"""Number of points without neighbourhoods to map, whose first two features are shown instead."""


Mapping = Literal["pca", "umap"]


def embed(features: NDArray[np.floating], seed: int, how: Mapping = "pca") -> NDArray[np.float32]:
    """Map features, (n, features), to two dimensions, (n, 2), float32.

    Parameters
    ----------
    how : str
        ``pca``, the two directions of the largest variance, or ``umap`` [1]_, which keeps
        neighbours together and takes many times as long.

    References
    ----------
    .. [1] McInnes, Healy and Melville, "UMAP", arXiv:1802.03426.
    """
    if len(features) <= FEWEST_POINTS:
        return np.asarray(features[:, :2], dtype=np.float32)
    if how == "pca":
        from sklearn.decomposition import PCA

        principal = PCA(2, svd_solver="randomized", random_state=seed)
        with np.errstate(invalid="ignore"):  # the share that a direction explains of no variance
            return np.asarray(principal.fit_transform(features), dtype=np.float32)
    from sklearn.neighbors import NearestNeighbors
    from umap import UMAP  # takes seconds to import, and few runs need it

    neighbours = min(15, len(features) - 1)
    # Spectral initialisation needs more points than dimensions.
    start = "spectral" if len(features) > 10 else "random"
    # For thousands of points the exact search is faster than UMAP's own, which is compiled first.
    search = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(features)
    distances, nearest = search.kneighbors(features)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="umap|sklearn|numba")
        mapped = UMAP(
            n_neighbors=neighbours, init=start, random_state=seed, n_jobs=1,
            precomputed_knn=(nearest, distances, None),
        )  # fmt: skip
        return np.asarray(mapped.fit_transform(features), dtype=np.float32)
