"""The default masks against the simulator's truth and on hand-labelled nuclei.

    python benchmarks/instrument_masks.py              # 18 wells of 2048 x 2048, about 1 min
    python benchmarks/instrument_masks.py --wells 6

First table: cells, mean areas and % overlap by stimulation, relative to the true cells and to the
true masks (whose touching cells are separated alike), and CPU seconds a field. Second table: the
network's masks when 100 grey values are added or the gain changes, against those of the same
wells, and of cells of other diameters, against the truth. Third table: every method on
``shared/reference/annotated``, where that is present.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
from numpy.typing import NDArray

from ck19ml.core.cells import separate
from ck19ml.core.instrument_masks import CellKinds, TCells
from ck19ml.core.mask_methods import INSTRUMENT, METHODS, NETWORK, MaskSettings, segment
from ck19ml.core.simulation.degradation import Degradation
from ck19ml.core.simulation.field import SimulatedField, simulate_field
from ck19ml.core.simulation.mask_examples import MaskWell, clear_views, simulate_well
from ck19ml.core.simulation.rendering import FULL_SIZE
from ck19ml.networks.mask_model import SHIPPED, load_mask_network
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import choose_wells
from ck19ml.plates.simulated_wells import influences, normalise, true_effects, well_generator

ANNOTATED = Path(__file__).parents[2] / "shared" / "reference" / "annotated"
NUCLEUS_PX = 24.0
"""Diameter of the annotated nuclei, from the median area of their labels, 440 pixels."""


def wells(number: int, seed: int) -> list[tuple[str, SimulatedField]]:
    """Simulate wells of CK19's layout without droplets."""
    layout = normalise(choose_wells(builtin_layout("ck19"), number))
    acting = influences(
        layout, true_effects(layout, seed), clear_views(), plate="no odd wells", seed=seed
    )
    return [
        (
            row.stimulation,
            simulate_field(
                row.stimulation,
                clear_views(),
                FULL_SIZE,
                well_generator(row.well, seed),
                influence,
            ),
        )
        for row, influence in zip(layout.itertuples(), acting, strict=True)
    ]


def compare(view: SimulatedField) -> dict[str, float]:
    """Measure one well: percent of the truth, points of % overlap, CPU seconds."""
    pixel_um = clear_views().pixel_um
    image = np.moveaxis(np.stack([view.dc, view.tcell]), 0, -1)
    start = time.process_time()
    found = segment(image, MaskSettings(pixel_size_um=pixel_um))
    row = {"CPU s": time.process_time() - start}
    true = np.stack([view.dc_mask, view.tcell_mask])
    cells = {
        "DC": (view.dc_count, view.dc_area_um2, CellKinds().dc),
        "T": (view.tcell_count, view.tcell_area_um2, CellKinds().tcell),
    }
    for channel, (name, (count, area, kind)) in enumerate(cells.items()):
        number = int(found.labels[channel].max())
        mean = np.count_nonzero(found.labels[channel]) / number
        least = kind.min_area_um2 / pixel_um**2
        areas = np.bincount(separate(true[channel], least).ravel())[1:]
        alike = areas[areas >= least]
        row[f"{name} count, cells"] = 100 * (number / count - 1)
        row[f"{name} count, masks"] = 100 * (number / len(alike) - 1)
        row[f"{name} area, cells"] = 100 * (mean * pixel_um**2 / area - 1)
        row[f"{name} area, masks"] = 100 * (mean / alike.mean() - 1)
    row["% overlap, points"] = 100 * (m1(found.masks) - m1(true))
    return row


def m1(masks: NDArray[np.bool_]) -> float:
    """Share of the T-cell area on DCs."""
    return float(np.count_nonzero(masks.all(axis=0)) / np.count_nonzero(masks[1]))


def steadiness(number: int = 3) -> pd.Series:
    """Mean IoU of the network's masks over wells whose grey values or diameters change."""
    network, pixel_um, found = load_mask_network(SHIPPED), clear_views().pixel_um, {}

    def alike(
        images: list[NDArray[np.uint16]], others: list[NDArray[np.bool_]], scale: float = 1
    ) -> tuple[float, list[NDArray[np.bool_]]]:
        how = MaskSettings(NETWORK, pixel_size_um=pixel_um / scale)
        made = [segment(np.moveaxis(each, 0, -1), how, network).masks for each in images]
        pairs = zip(made, others, strict=True)
        return np.mean([np.count_nonzero(m & o) / np.count_nonzero(m | o) for m, o in pairs]), made

    plain = [well(index, 1.0) for index in range(number)]
    images = [each.image for each in plain]
    found["truth"], made = alike(images, [each.truth for each in plain])
    found["+ 100"], _ = alike([image + np.uint16(100) for image in images], made)
    for gain in (0.25, 0.5, 2, 4):
        other = [np.rint(image * gain).astype(np.uint16) for image in images]
        found[f"gain {gain}"], _ = alike(other, made)
    for factor in (0.5, 0.75, 1.5, 2.0, 3.0):
        other = [well(index, factor) for index in range(number)]
        found[f"diameter x {factor}"], _ = alike(
            [each.image for each in other], [each.truth for each in other], factor
        )
    return pd.Series(found, name="IoU")


def well(index: int, factor: float) -> MaskWell:
    """Simulate a well of cells so many times as wide, which cover the same share of its field."""
    parameters = clear_views().changed(diameter=factor).at_density(1 / factor**2)
    rng = np.random.default_rng([5, index])
    return simulate_well(index, round(384 * factor), rng, Degradation(), parameters)


def nuclei() -> pd.DataFrame:
    """Mask the hand-labelled image by every method; IoU and count."""
    image = tifffile.imread(ANNOTATED / "nuclei.tif")
    truth = tifffile.imread(ANNOTATED / "nuclei_labels.tif")
    level = int(np.percentile(image, 50))
    kinds = CellKinds(tcell=TCells(diameter_um=NUCLEUS_PX))
    rows, network = {}, load_mask_network(SHIPPED)
    for name in (INSTRUMENT, NETWORK, *METHODS):
        how = MaskSettings(name, kinds, 1.0, min(image.shape), (level, level))
        found = segment(np.stack([image, image], axis=-1), how, network)
        mask, true = found.masks[1], truth > 0
        if found.pixels < mask.size:
            side = min(image.shape)
            mask, true = mask[:side, -side:], true[:side, -side:]
        rows[name] = {
            "IoU": np.count_nonzero(mask & true) / np.count_nonzero(mask | true),
            "count": int(found.labels[1].max()),
            "of": len(np.unique(truth[truth > 0])),
        }
    return pd.DataFrame(rows).T


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wells", type=int, default=18)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    views = wells(options.wells, options.seed)
    table = pd.DataFrame([{"stimulation": name} | compare(view) for name, view in views])
    by_stimulation = table.groupby("stimulation", sort=False).mean()
    print(by_stimulation.T.round(2).to_string())
    print(steadiness().round(3).to_string())
    if ANNOTATED.is_dir():
        print(nuclei().round(3).to_string())
    row = {
        "subject": "CPU seconds a field, masks and labels",
        "unit": "s",
        "ours": float(table["CPU s"].median()),
        "limit": 0.15,
    }
    print(json.dumps({"rows": [row]}))


if __name__ == "__main__":
    main()
