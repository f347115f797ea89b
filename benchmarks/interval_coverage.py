"""How often the intervals and verdicts of the package are right, by simulation.

    python benchmarks/interval_coverage.py             # 1,000 experiments a row, about 5 min
    python benchmarks/interval_coverage.py --short     # 50 a row

Each row simulates experiments whose truth is known, and counts the 95 % intervals that contain it.
Beside them stands the plain percentile bootstrap, as the package had it before. The second table is
of paired verdicts: how often "better" or "worse" is said. No data are read.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import expit

from ck19ml.core.scores.intervals import DRAWS, Score, pivotal
from ck19ml.core.scores.metrics import mean_score, overlap_scores, share_score
from ck19ml.core.scores.verdict import compare, power
from ck19ml.core.screening.comparison import ssmd_of_moments, z_prime_of_moments

Floats = NDArray[np.float64]
EXPERIMENTS = 1000


@dataclass(frozen=True)
class Case:
    """What is estimated, of how many units, and the two intervals of one experiment."""

    subject: str
    units: str
    truth: float
    draw: Callable[[np.random.Generator], tuple[Score, Score]]


def plain(values: Floats, rng: np.random.Generator, counts: Floats | None = None) -> Score:
    """Bound a mean by the plain percentile bootstrap."""
    weights = np.ones_like(values) if counts is None else counts
    drawn = rng.integers(0, values.size, (DRAWS, values.size))
    means = values[drawn].sum(1) / weights[drawn].sum(1)
    return Score(float(values.sum() / weights.sum()), *np.percentile(means, [2.5, 97.5]))


def mean_case(name: str, units: int, sample: Any, truth: float) -> Case:
    """Estimate the mean of one value a well."""

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        values = sample(rng, units)
        return mean_score(values, np.ones(units, np.intp), rng), plain(values, rng)

    return Case(f"mean of a {name} value", f"{units} wells", truth, draw)


def share_case(units: int, share: float) -> Case:
    """Estimate a share of wells."""

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        right = rng.random(units) < share
        return share_score(right, np.arange(units), rng), plain(right.astype(float), rng)

    return Case(f"share of wells, true {share:g}", f"{units} wells", share, draw)


def clustered_case(units: int, each: int, spread: float, what: str) -> Case:
    """Estimate the share of right answers whose odds differ between units."""
    grid = np.random.default_rng(0).normal(1.0, spread, 1_000_000)
    truth = float(expit(grid).mean())

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        right = rng.random((units, each)) < expit(rng.normal(1.0, spread, (units, 1)))
        unit = np.repeat(np.arange(units), each)
        ours = share_score(right.ravel(), unit, rng)
        return ours, plain(right.sum(1).astype(float), rng, np.full(units, float(each)))

    return Case(f"accuracy of {what}", f"{units} of {each}", truth, draw)


def r2_case(units: int) -> Case:
    """Estimate R2 of the overlap of 25 patches a well: 0.5 of the variance is predicted."""

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        signal = rng.normal(size=(units, 1)) * 0.5 + rng.normal(size=(units, 25)) * 0.5
        true = signal + rng.normal(size=(units, 25)) * np.sqrt(0.5)
        well = np.repeat(np.arange(units), 25)
        ours = overlap_scores(true.ravel(), signal.ravel(), well, rng)["overlap_r2"]
        errors, squares = ((true - signal) ** 2).sum(1), (true**2).sum(1)
        drawn = rng.integers(0, units, (DRAWS, units))
        spread = squares[drawn].sum(1) - true.sum(1)[drawn].sum(1) ** 2 / (25 * units)
        found = 1 - errors[drawn].sum(1) / spread
        return ours, Score(ours.value, *np.percentile(found, [2.5, 97.5]))

    return Case("R2 of patches", f"{units} wells", 0.5, draw)


def control_case(name: str, wells: int, statistic: Any, distance: float) -> Case:
    """Estimate a statistic of two groups of control wells whose SDs are 1 and 1.5."""
    truth = float(statistic(*map(np.asarray, (distance, 1.0, 0.0, 1.5))))

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        first, second = rng.normal(distance, 1.0, wells), rng.normal(0.0, 1.5, wells)
        one, two = (x[rng.integers(0, wells, (DRAWS, wells))] for x in (first, second))
        with np.errstate(divide="ignore", invalid="ignore"):
            found = statistic(one.mean(1), one.std(1, ddof=1), two.mean(1), two.std(1, ddof=1))
        low, high = np.percentile(found[np.isfinite(found)], [2.5, 97.5])
        return pivotal(statistic, first, second, rng), Score(0.0, float(low), float(high))

    return Case(f"{name}, true {truth:.2f}", f"{wells} + {wells} wells", truth, draw)


def paired_case(units: int, discordant: float, difference: float) -> Case:
    """Estimate the difference in accuracy of two models on the same wells."""

    def draw(rng: np.random.Generator) -> tuple[Score, Score]:
        gain = gains(rng, units, discordant, difference)
        return compare(gain, np.arange(units), rng).difference, plain(gain, rng)

    subject = f"paired difference, {100 * difference:g} points, {100 * discordant:g} % differ"
    return Case(subject, f"{units} wells", difference, draw)


def gains(rng: np.random.Generator, units: int, discordant: float, difference: float) -> Floats:
    """Draw which of two models answers each well rightly: 1, -1, or 0 for both or neither."""
    odds = [(discordant + difference) / 2, (discordant - difference) / 2, 1 - discordant]
    return rng.choice([1.0, -1.0, 0.0], units, p=odds)


def cases() -> Iterator[Case]:
    """Yield the rows of the first table."""
    for units in (6, 12, 24, 72):
        yield mean_case("normal", units, lambda rng, n: rng.normal(size=n), 0.0)
    for units in (6, 12, 24, 72):
        yield mean_case("log-normal", units, lambda rng, n: rng.lognormal(0, 1, n), np.exp(0.5))
    for units, share in ((6, 0.7), (12, 0.7), (24, 0.7), (12, 0.95), (24, 0.95), (120, 0.95)):
        yield share_case(units, share)
    for units in (12, 30, 72):
        yield clustered_case(units, 25, 1.0, "patches, by wells")
    for units in (3, 4, 6, 12):
        yield clustered_case(units, 60, 0.7, "wells, by plates")
    for units in (12, 30, 72):
        yield r2_case(units)
    for wells in (4, 6, 20):
        yield control_case("Z'", wells, z_prime_of_moments, 15.0)
    yield control_case("Z'", 6, z_prime_of_moments, 6.0)
    for wells in (6, 20):
        yield control_case("SSMD", wells, ssmd_of_moments, 6.0)
    for units in (12, 30, 72, 120):
        yield paired_case(units, 0.25, 0.0)
        yield paired_case(units, 0.25, 0.1)


def coverage(case: Case, experiments: int) -> tuple[float, float]:
    """Share of experiments whose interval contains the truth: ours, and the plain bootstrap's."""
    rng = np.random.default_rng(2211)
    found = np.array(
        [
            [score.low <= case.truth <= score.high for score in case.draw(rng)]
            for _ in range(experiments)
        ]
    )
    return float(found[:, 0].mean()), float(found[:, 1].mean())


def verdicts(experiments: int) -> Iterator[dict[str, Any]]:
    """Yield how often a model is called better than another, and by a point estimate alone."""
    for units in (12, 30, 72, 120, 294):
        for discordant, difference in ((0.1, 0.0), (0.25, 0.0), (0.25, 0.1)):
            rng = np.random.default_rng(7)
            words, points, tested = [], 0, 0
            for _ in range(experiments):
                gain = gains(rng, units, discordant, difference)
                found = compare(gain, np.arange(units), rng)
                words.append(found.word)
                points += gain.sum() > 0
                tested += found.p <= 0.05 and found.wins > found.losses
            yield {
                "wells": units, "discordant": discordant, "difference": difference,
                "better": words.count("better") / experiments,
                "worse": words.count("worse") / experiments, "mcnemar": tested / experiments,
                "point": points / experiments, "power": power(units, discordant, difference),
            }  # fmt: skip


def main() -> None:
    """Print both tables, and one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="50 experiments a row")
    options = parser.parse_args()
    experiments = 50 if options.short else EXPERIMENTS
    started, rows = time.monotonic(), []
    table = Table(title=f"coverage of 95 % intervals, {experiments} experiments a row, %")
    for title in ("estimated", "of", "ours", "plain bootstrap"):
        table.add_column(title)
    for case in cases():
        ours, other = coverage(case, experiments)
        table.add_row(case.subject, case.units, f"{100 * ours:.1f}", f"{100 * other:.1f}")
        rows.append({"subject": f"coverage of {case.subject}, {case.units}", "unit": "%",
                     "ours": 100 * ours, "peer": 100 * other, "limit": 95.0,
                     "higher": True})  # fmt: skip
    second = Table(title=f"paired verdicts, {experiments} experiments a row, %")
    titles = ("wells", "differ", "true difference", "better", "worse", "McNemar p <= 5 %, better",
              "higher by a point estimate", "exact power")  # fmt: skip
    for title in titles:
        second.add_column(title)
    for row in verdicts(experiments):
        second.add_row(str(row.pop("wells")), *(f"{100 * value:.1f}" for value in row.values()))
    console = Console(width=130)
    console.print(table)
    console.print(second)
    console.print(f"{time.monotonic() - started:.0f} s")
    print(json.dumps({"rows": rows}))


if __name__ == "__main__":
    main()
