"""Activity of single T cells, each donor answered by a head of the other donors.

The default answer of ck19ml (general measurements and a discriminant analysis, nothing tuned) on
real images of one channel, in which each cell is an image of its own: shared/reference/tcells.
The peer is the LeNet that was published with these images.

    python benchmarks/single_cells.py [FOLDER]       FOLDER/donor_N/CLASS/*.png
    python benchmarks/single_cells.py --plates OUT   write OUT/donor_N, a plate with a cell a well,
                                                     for experiments/single-cells.yaml
"""

import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from ck19ml.core.closed_form.heads import fit_lda
from ck19ml.core.measurements.panel import Panel
from ck19ml.core.measurements.table import measure
from ck19ml.core.scores.intervals import share

CELLS = Panel.of(["tcell"])

LENET = {"donor_1": 0.900, "donor_3": 0.936, "donor_5": 0.870}
"""Accuracy; trained on five donors, of which two are not in the folder."""


HERE = Path(__file__).resolve().parents[2] / "shared" / "reference" / "tcells"

SIDE = 112
"""The largest image has 100 x 78 pixels; sides of patches are multiples of 16."""

DESCRIPTION = """\
files: '(?P<row>[A-P])(?P<column>\\d\\d)\\.png'
channels: {tcell: 0}
bit_depth: 8
background: 0
"""


def main() -> None:
    """Print one JSON object, or write plates."""
    if sys.argv[1:2] == ["--plates"]:
        for donor in sorted(HERE.iterdir()):
            write_plate(donor, Path(sys.argv[2]) / donor.name)
        return
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE
    started, files = time.process_time(), sorted(folder.glob("*/*/*.png"))
    features = np.concatenate([measured(file) for file in files])
    donors = np.array([file.parts[-3] for file in files])
    labels = np.unique([file.parts[-2] for file in files], return_inverse=True)[1]
    found = {}
    for donor in LENET:
        own = donors == donor
        answers = fit_lda(features[~own], labels[~own]).log_probabilities(features[own])
        found[donor] = share(int((answers.argmax(axis=1) == labels[own]).sum()), int(own.sum()))
    rows = [
        {"subject": f"activity of T cells, {donor}", "unit": "accuracy", "ours": score.value,
         "peer": LENET[donor], "limit": 1.0, "higher": True}
        for donor, score in found.items()
    ]  # fmt: skip
    print(json.dumps({
        "cells": len(files),
        "mean": float(np.mean([score.value for score in found.values()])),
        "donors": {donor: str(score) for donor, score in found.items()},
        "processor_seconds": time.process_time() - started,
        "rows": rows,
    }))  # fmt: skip


def measured(file: Path) -> np.ndarray:
    """Measure the image of a cell inside and outside Otsu's mask."""
    image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    _, mask = cv2.threshold(image, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return measure(image[None, ..., None], mask[None, ..., None] > 0, 255, CELLS)


def write_plate(donor: Path, folder: Path) -> None:
    """Write a donor as a plate folder; around each image its dark ground goes on."""
    folder.mkdir(parents=True)
    lines = ["well,stimulation"]
    for number, file in enumerate(sorted(donor.glob("*/*.png"))):
        well = f"{'ABCDEFGHIJKLMNOP'[number // 24]}{number % 24 + 1:02d}"
        image = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
        top, left = ((SIDE - length) // 2 for length in image.shape)
        bottom, right = SIDE - image.shape[0] - top, SIDE - image.shape[1] - left
        ground = int(np.percentile(image, 10))
        padded = cv2.copyMakeBorder(
            image, top, bottom, left, right, cv2.BORDER_CONSTANT, value=ground
        )
        cv2.imwrite(str(folder / f"{well}.png"), padded)
        lines.append(f"{well},{file.parent.name}")
    (folder / "layout.csv").write_text("\n".join(lines) + "\n")
    (folder / "plate.yaml").write_text(DESCRIPTION)


if __name__ == "__main__":
    main()
