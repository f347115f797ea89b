"""Activity of single T cells, each donor answered by a head of the other donors.

The default answer of ck19ml (general measurements and a discriminant analysis, nothing tuned) on
real images of one channel, in which each cell is an image of its own: shared/reference/tcells.
The peer is the LeNet that was published with these images.

    python benchmarks/single_cells.py [FOLDER]       FOLDER/donor_N/CLASS/*.png
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


def main() -> None:
    """Print one JSON object."""
    here = Path(__file__).resolve().parents[2] / "shared" / "reference" / "tcells"
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else here
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


if __name__ == "__main__":
    main()
