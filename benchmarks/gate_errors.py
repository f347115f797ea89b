"""How often the gate promotes a model that is not better, and one that is, by simulation.

    python benchmarks/gate_errors.py             # 3,000 decisions a row, 10 CPU minutes
    python benchmarks/gate_errors.py --short     # 100 a row

A well's loss is how hard the well is for every model, a gamma variable with a long upper tail, plus
what is each model's own. "Best of 20" trains 20 equal challengers and takes the one with the lowest
mean loss on the wells that choose. The former gate compared the 2.5th percentile of the bootstrap
with 0 on those same wells; today's gate has as many wells of its own. No data are read.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from ck19ml.core.scores.verdict import GATE_LEVEL, sign_flip_test
from ck19ml.core.splits import GATE_UNITS

Floats = NDArray[np.float64]
DECISIONS = 3000
TRIALS = 20


@dataclass(frozen=True)
class Case:
    """Wells of the gate, challengers to choose from, and their true gain in SDs of a difference.

    ``skewed`` has a challenger that is a little better on most wells and much worse on a few, with
    the same mean: no test of so few wells sees the few.
    """

    wells: int
    trials: int
    gain: float
    skewed: bool = False

    @property
    def name(self) -> str:
        """The row's name."""
        what = "equal mean, skewed" if self.skewed else "equal"
        what = f"better by {self.gain:g} SD" if self.gain else what
        return what + (f", best of {self.trials}" if self.trials > 1 else "")


def losses(rng: np.random.Generator, wells: int, case: Case) -> tuple[Floats, Floats]:
    """Draw the champion's losses, (wells,), and those of the challengers, (trials, wells)."""
    hard = rng.gamma(1.0, 0.5, wells)
    if case.skewed:
        own = hard + rng.exponential(0.3, (case.trials, wells))
        return hard + 0.3 + rng.normal(0, 0.01, wells), own
    champion = hard + rng.gamma(2.0, 0.15, wells)
    own = hard + rng.gamma(2.0, 0.15, (case.trials, wells))
    return champion, own - case.gain * 0.15 * np.sqrt(2.0 * 2.0)


def decide(rng: np.random.Generator, case: Case) -> tuple[bool, bool]:
    """Decide once by today's gate and by the former one."""
    champion, challengers = losses(rng, case.wells, case)
    best = int(challengers.mean(axis=1).argmin())
    fresh, candidates = losses(rng, case.wells, case)
    p = sign_flip_test(fresh - candidates[best], rng)
    gain = champion - challengers[best]
    drawn = gain[rng.integers(0, case.wells, (1000, case.wells))].mean(axis=1)
    return case.wells >= GATE_UNITS and p <= GATE_LEVEL, case.wells >= 5 and float(
        np.percentile(drawn, 2.5)
    ) > 0


def cases() -> Iterator[Case]:
    """Yield the rows."""
    for wells in (5, GATE_UNITS, 24, 59):
        yield Case(wells, 1, 0.0)
        yield Case(wells, TRIALS, 0.0)
    for wells in (GATE_UNITS, 24, 59):
        yield Case(wells, 1, 0.0, skewed=True)
        yield Case(wells, 1, 0.5)
        yield Case(wells, 1, 1.0)


def main() -> None:
    """Print the table, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="100 decisions a row")
    options = parser.parse_args()
    decisions = 100 if options.short else DECISIONS
    started, rows = time.monotonic(), []
    table = Table(title=f"promotions in {decisions} decisions a row at level {GATE_LEVEL:g}, %")
    for title in ("challenger", "wells", "today's gate", "former gate"):
        table.add_column(title)
    for case in cases():
        rng = np.random.default_rng(2211)
        found = np.array([decide(rng, case) for _ in range(decisions)])
        now, former = (100 * found.mean(axis=0)).tolist()
        table.add_row(case.name, str(case.wells), f"{now:.2f}", f"{former:.2f}")
        # Shares of decisions that were right, so that a row is above 0 and a ratio says something.
        right = [share if case.gain else 100 - share for share in (now, former)]
        rows.append({"subject": f"gate right, {case.name}, {case.wells} wells", "unit": "%",
                     "ours": max(right[0], 1e-3), "peer": max(right[1], 1e-3), "limit": 100.0,
                     "higher": True})  # fmt: skip
    console = Console(width=110)
    console.print(table)
    console.print(f"{time.monotonic() - started:.0f} s")
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
