"""Which masks come nearest to the truth: one threshold a patch or a field, and what they count.

    python benchmarks/mask_choice.py               # 18 wells of 2048 x 2048, about 1 min
    python benchmarks/mask_choice.py --kmeans      # with OpenCV's k-means, about 5 min more

On simulated wells of CK19's layout (DOMAIN.md) with their true masks. First table: mean IoU and
Dice of the masks of the patches, both channels, and the error of a patch's overlap; then the IoU
of the shipped network minus that of ``instrument``, with a 95 % interval over wells. Second table:
the columns of ``instrument.csv`` by stimulation, from each method's masks and from the true ones,
beside the means that the instrument printed for the real CK19. Cells are counted in the part of a
field that patches cover, so counts are divided by its share of the field, 0.879.
"""

import argparse
import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ck19ml.core import mask_methods, overlap, quality
from ck19ml.core.instrument_masks import CellKinds
from ck19ml.core.mask_methods import MaskSettings
from ck19ml.core.patches import BACKGROUND, cut, grid_shape, raise_background
from ck19ml.core.scores.metrics import mean_score
from ck19ml.core.simulation.field import simulate_field
from ck19ml.core.simulation.mask_examples import clear_views
from ck19ml.core.simulation.rendering import FULL_SIZE
from ck19ml.networks.mask_model import SHIPPED, load_mask_network
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells
from ck19ml.plates.simulated_wells import influences, normalise, true_effects, well_generator

INSTRUMENT = {
    "Unstimulated": (1314, 100.7, 1074, 141, 21.1),
    "OVA": (1127, 103.8, 1005, 149, 28.0),
    "ConA": (787, 108.9, 763, 175, 51.8),
}
"""T cells, their mean area, DCs, their mean area (um2), % area overlap (DOMAIN.md)."""

COLUMNS = ("T cells", "T-cell um2", "DCs", "DC um2", "% overlap")
KINDS = CellKinds()
LEVEL = "above the level"
TRUTH = "true masks"
SHARE = (1920 / FULL_SIZE) ** 2


def mosaic(patches: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Put the patches of a square field together again."""
    side, size = round(len(patches) ** 0.5), patches.shape[1]
    grid = patches.reshape(side, side, size, size, 2).swapaxes(1, 2)
    return grid.reshape(side * size, side * size, 2)


def instrument(masks: NDArray[np.bool_], pixel_um: float) -> tuple[float, ...]:
    """Measure a field as `instrument.csv` does."""
    whole, row, areas = mosaic(masks), [], {}
    for name, channel in (("tcell", overlap.TCELL), ("dc", overlap.DC)):
        smallest = getattr(KINDS, name).min_area_um2 / pixel_um**2
        count, area = quality.cells(mask_methods.label_mask(whole[..., channel], smallest))
        row += [count / SHARE, area * pixel_um**2]
        areas[name] = count * area
    both = np.count_nonzero(whole[..., 0] & whole[..., 1])
    return (*row, 100 * both / areas["tcell"])


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--kmeans", action="store_true")
    options = parser.parse_args()
    methods = {n: m for n, m in mask_methods.METHODS.items() if options.kmeans or "kmeans" not in n}
    methods[LEVEL] = lambda patches, level: patches > level
    network, parameters = load_mask_network(SHIPPED), clear_views()
    layout = normalise(choose_wells(builtin_layout("ck19"), options.wells))
    acting = influences(
        layout, true_effects(layout, options.seed), parameters, plate="no odd wells",
        seed=options.seed,
    )  # fmt: skip
    quality_rows, counts = [], []
    for row, influence in zip(layout.itertuples(), acting, strict=True):
        rng = well_generator(row.well, options.seed)
        view = simulate_field(row.stimulation, parameters, FULL_SIZE, rng, influence)
        true = cut(np.stack([view.dc_mask, view.tcell_mask], axis=-1)).astype(bool)
        raised = raise_background(cut(np.stack([view.dc, view.tcell], axis=-1)), BACKGROUND)
        assert grid_shape(FULL_SIZE, FULL_SIZE) == (10, 10)
        true_overlap = overlap.score(true).overlap
        counts.append((row.stimulation, TRUTH, *instrument(true, parameters.pixel_um)))
        image = np.stack([view.dc, view.tcell], axis=-1)
        found = {}
        for name in (mask_methods.INSTRUMENT, mask_methods.NETWORK):
            how = MaskSettings(name, KINDS, parameters.pixel_um)
            cells = mask_methods.segment(image, how, network).masks
            found[name] = cut(np.moveaxis(cells, 0, -1)).astype(bool)
        found |= {n: method(raised.astype(np.uint16), BACKGROUND) for n, method in methods.items()}
        for name, masks in found.items():
            both, either = (np.count_nonzero(m, axis=(1, 2)) for m in (masks & true, masks | true))
            quality_rows.append(
                (name, (both / np.maximum(either, 1))[either > 0].mean(),
                 (2 * both / np.maximum(both + either, 1))[either > 0].mean(),
                 np.abs(overlap.score(masks).overlap - true_overlap).mean(),
                 (overlap.score(masks).overlap - true_overlap).mean())
            )  # fmt: skip
            counts.append((row.stimulation, name, *instrument(masks, parameters.pixel_um)))
    table = pd.DataFrame(
        quality_rows, columns=["masks", "IoU", "Dice", "overlap error", "overlap bias"]
    )
    print(f"{options.wells} wells, mean over patches and channels:")
    print(table.groupby("masks", sort=False).mean().round(4).to_string())
    means = table.groupby("masks", sort=False)["IoU"].mean()
    ours, default = (
        table.loc[table["masks"] == name, "IoU"].to_numpy()
        for name in (mask_methods.NETWORK, mask_methods.INSTRUMENT)
    )
    one, rng = np.ones(len(ours), np.intp), np.random.default_rng(options.seed)
    print(f"unet minus instrument: {mean_score(ours - default, one, rng)}")
    print("\ncells and overlap of a full field:")
    printed = pd.DataFrame(counts, columns=["stimulation", "masks", *COLUMNS])
    by_stimulation = printed.groupby(["stimulation", "masks"], sort=False).mean()
    for stimulation, figures in INSTRUMENT.items():
        by_stimulation.loc[(stimulation, "instrument, real CK19"), :] = figures
    print(by_stimulation.sort_index(level=0, sort_remaining=False).round(1).to_string())
    row = {"unit": "IoU", "limit": 1.0, "higher": True}
    if options.kmeans:
        row["peer"] = means["kmeans"]
    rows = [row | {"subject": f"masks against the truth, {name}", "ours": value}
            for name, value in means.items() if name != "kmeans"]  # fmt: skip
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
