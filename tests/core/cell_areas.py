"""Areas of the separated cells of a mask."""

import numpy as np
from numpy.typing import NDArray

from ck19ml.core.cells import separate


def cell_areas(mask: NDArray[np.bool_], min_area_px: float = 0.0) -> NDArray[np.int64]:
    """Area of each cell in pixels, without those that are smaller."""
    areas = np.bincount(separate(mask, min_area_px).ravel())[1:]
    return areas[areas >= min_area_px]
