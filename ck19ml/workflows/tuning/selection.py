"""The choice among the trials of a study: the default, unless another one is better."""

from collections.abc import Mapping, Sequence
from statistics import fmean, stdev

from ck19ml.tuning import Parameters, Trial

LOSSES = "well_losses"
"""Note of a trial: the log loss of each well in inner folds, by the well's fingerprint."""


def chosen(trials: Sequence[Trial], first: Parameters) -> tuple[Trial, str]:
    """Choose the champion among complete trials.

    The trial with the parameters `first` is the simple default. It stays unless the best of the
    others is better by more than a standard error of the difference over the wells that both have
    answered: the best of many trials looks better than it is.

    Returns
    -------
    trial : Trial
    why : str
        In words.
    """
    best = min(trials, key=lambda trial: (trial.value, trial.number))
    # By its parameters: an interrupted trial is repeated under another number.
    default = next((trial for trial in trials if trial.parameters == first), None)
    if default is None or best is default:
        return best, f"trial {best.number} has the smallest log loss of wells"
    gain, error = gain_of(default.notes[LOSSES], best.notes[LOSSES])
    text = (
        f"trial {best.number} is better than the default, trial {default.number}, by {gain:.3f} "
        f"nats a well, {'more' if gain > error else 'no more'} than a standard error ({error:.3f})"
    )
    if gain > error:
        return best, text
    return default, f"the default stays: {text}"


def gain_of(default: Mapping[str, float], other: Mapping[str, float]) -> tuple[float, float]:
    """Mean of the wells' losses that another trial saves, and its standard error.

    The error is infinite for fewer than two common wells.
    """
    gains = [default[well] - other[well] for well in sorted(default.keys() & other.keys())]
    if len(gains) < 2:
        return 0.0, float("inf")
    return fmean(gains), stdev(gains) / len(gains) ** 0.5
