"""Four-parameter logistic fits of dose series, and whether the data support them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

FEWEST_CONCENTRATIONS = 5
"""Four parameters need at least one concentration more."""

HILL_RANGE = (0.3, 5.0)
"""Steepness outside of it is one that ten doses at half-decades cannot tell from its bound."""

BEYOND = 2.0
"""Decades outside of the tested concentrations in which an IC50 is looked for."""

STEPS_A_DECADE = 20
"""Grid of the IC50's interval; its bounds are interpolated between the points."""

HILL_STEPS = 25

LEVEL = 0.95
SIGNIFICANT = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class DoseResponse:
    """A four-parameter logistic fit.

    Attributes
    ----------
    without, saturated : float
        Response without the compound, and at a saturating concentration.
    ic50_um : float
        Concentration of half of the change between the two, uM: IC50 where the response
        falls, EC50 where it rises.
    hill : float
    low_um, high_um : float
        95 % interval of the IC50, uM; 0 and infinity where the data set no bound.
    p : float
        F test of the fit against a flat line.
    reason : str
        Why the data do not support the IC50, or empty where they do.
    """

    without: float
    saturated: float
    ic50_um: float
    hill: float
    low_um: float
    high_um: float
    p: float
    reason: str

    @property
    def supported(self) -> bool:
        """True if the IC50 can be reported."""
        return not self.reason

    def response(self, concentration_um: Floats) -> Floats:
        """Response at concentrations in uM, (n,); 0 uM is none of the compound."""
        taken = logistic(concentration_um, np.log10(self.ic50_um), self.hill)
        return np.asarray(self.without + (self.saturated - self.without) * taken)


def logistic(concentration_um: Floats, log10_ic50: Floats | float, hill: Floats | float) -> Floats:
    """Share of the full effect in [0, 1] at concentrations in uM (Hill's equation).

    Examples
    --------
    >>> logistic(np.array([0.0, 2.0]), np.log10(2.0), 1.5).round(6).tolist()
    [0.0, 0.5]
    """
    with np.errstate(divide="ignore", over="ignore"):
        exponent = hill * (np.log10(concentration_um) - log10_ic50)
        return np.asarray(1 / (1 + 10.0 ** np.clip(-exponent, -300, 300)))


def fit_dose_response(concentration_um: Floats, response: Floats) -> DoseResponse:
    """Fit a four-parameter logistic to wells of one compound and stimulation.

    Given IC50 and Hill slope the two responses are a linear regression, so the fit is a search
    over two numbers: a grid without local minima, refined by least squares. The interval is the
    profile likelihood's [1]_: all IC50s whose best fit is not worse than the optimum by the F
    test at 5 %. It is open where the data are, unlike the usual one of the covariance matrix.

    Parameters
    ----------
    concentration_um : ndarray, (n,), uM
        0 is a vehicle well.
    response : ndarray, (n,)
        NaN is a well without a value.

    Returns
    -------
    DoseResponse
        With a reason where the data do not support the IC50: too few concentrations, no effect
        (F test above 5 %), an IC50 outside of the tested range, or an interval that leaves it.

    References
    ----------
    .. [1] Bates and Watts, "Nonlinear Regression Analysis and Its Applications", chapter 6
       (1988).
    """
    known = np.isfinite(response) & np.isfinite(concentration_um)
    x, y = concentration_um[known], response[known]
    doses = np.unique(x[x > 0])
    if doses.size < FEWEST_CONCENTRATIONS or y.size < 6:
        return _unfitted(f"{doses.size} concentrations, {FEWEST_CONCENTRATIONS} needed")
    if np.ptp(y) == 0:
        return _unfitted("no effect")
    first, last = np.log10(doses[0]), np.log10(doses[-1])
    start, end = first - BEYOND, last + BEYOND
    grid = np.linspace(start, end, int(np.ceil((end - start) * STEPS_A_DECADE)) + 1)
    hills = np.geomspace(*HILL_RANGE, HILL_STEPS)
    squares = _linear(x, y, grid[:, None, None], hills[None, :, None])[2]
    profile = squares.min(axis=1)
    place, hill = _refine(x, y, grid, hills, squares)
    without, saturated, least = (float(value) for value in _linear(x, y, place, hill))
    free = y.size - 4
    flat = float(((y - y.mean()) ** 2).sum())
    tiny = np.finfo(float).eps * flat
    p = float(stats.f.sf(max(flat - least, 0.0) / 3 / (max(least, tiny) / free), 3, free))
    limit = max(least, tiny) * (1 + stats.f.ppf(LEVEL, 1, free) / free)
    low, high = _interval(grid, profile, limit, place)
    reason = _reason(p, place, low, high, first, last)
    ends = (10.0**low if np.isfinite(low) else 0.0, 10.0**high if np.isfinite(high) else np.inf)
    return DoseResponse(without, saturated, float(10.0**place), hill, *ends, p, reason)


def _unfitted(reason: str) -> DoseResponse:
    no = float("nan")
    return DoseResponse(no, no, no, no, no, no, no, reason)


def _linear(
    x: Floats, y: Floats, place: Floats | float, hill: Floats | float
) -> tuple[Floats, Floats, Floats]:
    """Best responses without and at saturation for given IC50s and slopes, and the squares left.

    Arrays of both end with an axis of length 1, along which the wells go.
    """
    share = logistic(x, place, hill)
    centred = share - share.mean(axis=-1, keepdims=True)
    spread = (centred**2).sum(axis=-1)
    # A response that is the same at all doses says nothing about a change.
    change = np.where(spread > 1e-12, centred @ y / np.maximum(spread, 1e-12), 0.0)
    without = y.mean() - change * share.mean(axis=-1)
    left = y - without[..., None] - change[..., None] * share
    return without, without + change, (left**2).sum(axis=-1)


def _refine(
    x: Floats, y: Floats, grid: Floats, hills: Floats, squares: Floats
) -> tuple[float, float]:
    """Improve the best point of the grid."""
    best = np.unravel_index(int(squares.argmin()), squares.shape)
    found = optimize.minimize(
        lambda point: float(_linear(x, y, point[0], np.exp(point[1]))[2] / squares[best]),
        x0=[grid[best[0]], np.log(hills[best[1]])],
        bounds=[(grid[0], grid[-1]), (np.log(HILL_RANGE[0]), np.log(HILL_RANGE[1]))],
        method="Nelder-Mead",
    )
    return float(found.x[0]), float(np.exp(found.x[1]))


def _interval(grid: Floats, profile: Floats, limit: float, place: float) -> tuple[float, float]:
    """Outermost crossings of the limit; infinite where the profile stays below it at an end."""
    inside = np.flatnonzero(profile <= limit)
    if not inside.size:  # narrower than the grid
        step = grid[1] - grid[0]
        return place - step, place + step

    def crossing(last: int, beyond: int) -> float:
        part = (limit - profile[last]) / (profile[beyond] - profile[last])
        return float(grid[last] + part * (grid[beyond] - grid[last]))

    low = -np.inf if inside[0] == 0 else crossing(inside[0], inside[0] - 1)
    high = np.inf if inside[-1] == grid.size - 1 else crossing(inside[-1], inside[-1] + 1)
    return low, high


def _reason(p: float, place: float, low: float, high: float, first: float, last: float) -> str:
    if p > SIGNIFICANT:
        return "no effect"
    if not first <= place <= last:
        return "outside of the tested concentrations"
    if low < first and high > last:
        return "interval spans the tested concentrations"
    if low < first or high > last:
        return f"interval open {'below' if low < first else 'above'}"
    return ""
