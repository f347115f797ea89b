import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ck19ml.core.scores.calibration import calibration_error, fit_temperature, tempered

RNG = np.random.default_rng(0)


def error(probabilities: list[list[float]], labels: list[int]) -> float:
    each = np.arange(len(labels))
    return calibration_error(np.array(probabilities), np.array(labels), each, RNG).value


def test_error_by_hand() -> None:
    # One bin, mean probability 0.8, half of the answers right: 0.3 away.
    assert error([[0.8, 0.2], [0.8, 0.2]], [0, 1]) == pytest.approx(0.3)
    # Two bins, 0.05 below and 0.35 above what comes true, one answer each.
    assert error([[0.95, 0.05], [0.35, 0.65]], [0, 0]) == pytest.approx((0.05 + 0.65) / 2)


def test_sure_and_right_is_perfectly_calibrated() -> None:
    assert error([[1.0, 0.0], [0.0, 1.0]], [0, 1]) == 0


@given(st.floats(0.1, 10), st.lists(st.floats(0.01, 0.99), min_size=1, max_size=20))
def test_a_temperature_keeps_the_order_and_the_sum(temperature: float, first: list[float]) -> None:
    before = np.array([[p, 1 - p] for p in first])
    after = tempered(before, temperature)
    np.testing.assert_allclose(after.sum(axis=1), 1)
    clear = np.abs(before[:, 0] - 0.5) > 1e-6
    assert (after.argmax(axis=1) == before.argmax(axis=1))[clear].all()


@pytest.mark.parametrize("true", [0.5, 2.0, 4.0])
def test_the_temperature_of_overconfident_answers_is_found_again(true: float) -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 2, (20_000, 3))
    honest = tempered(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0)
    labels = (honest.cumsum(axis=1) < rng.random((len(honest), 1))).sum(axis=1)
    found = fit_temperature(tempered(honest, 1 / true), labels)
    assert found == pytest.approx(true, rel=0.05)


def test_calibration_makes_the_loss_no_worse() -> None:
    rng = np.random.default_rng(2)
    probabilities = rng.dirichlet([0.3, 0.3, 0.3], 50)
    labels = rng.integers(0, 3, 50)

    def loss(temperature: float) -> float:
        chosen = tempered(probabilities, temperature)[np.arange(50), labels]
        return float(-np.log(chosen).mean())

    assert loss(fit_temperature(probabilities, labels)) <= loss(1.0)
