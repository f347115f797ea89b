"""Well tables with known answers."""

import numpy as np
import pandas as pd

from ck19ml.core.screening.dose_response import logistic
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.workflows.screening.score import ScoreMeaning
from ck19ml.workflows.screening.tables import MEASURES, kinds

MEANING = ScoreMeaning("ConA", "Unstimulated", "log-odds of ConA\nagainst Unstimulated", False)
INHIBITORS = {"4": 0.1, "9": 1.0}
"""Compounds that do something, and their IC50 in uM."""

LEVEL = {"Unstimulated": 0.0, "OVA": 4.0, "ConA": 8.0}


def made_wells(layout: str, noise: float = 0.3) -> pd.DataFrame:
    """Wells of a built-in layout: the score sees two inhibitors, the overlaps are noise alone."""
    wells = builtin_layout(layout)  # type: ignore[arg-type]
    rng = np.random.default_rng(12)
    wells.insert(0, "plate", layout.upper())
    wells["kind"] = kinds(wells)
    wells = wells.assign(seen=False, patches=25, faulty_share=0.0)
    share = [
        logistic(np.array([dose]), np.log10(INHIBITORS[name]), 1.2)[0] if name in INHIBITORS else 0
        for name, dose in zip(wells["compound"], wells["concentration_um"], strict=True)
    ]
    level = wells["stimulation"].map(LEVEL) * (1 - np.array(share))
    wells = wells.assign(cells_dc=100.0, cells_tcell=300.0)
    for measure in MEASURES:
        wells[measure] = rng.normal(0, noise, len(wells))
    wells["score"] += level
    return wells
