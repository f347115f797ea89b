import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ck19ml.core.closed_form.heads import fit_lda, fit_logistic


def samples(classes: int, features: int = 12, each: int = 15) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(classes)
    labels = np.repeat(np.arange(classes), each)[: -each // 2]  # the last class has fewer
    values = rng.normal(size=(len(labels), features)) * np.geomspace(1e-3, 1e4, features)
    values[:, :classes] += np.eye(classes)[labels] * values[:, :classes].std(axis=0)
    return values, labels


@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("features", [12, 200])
def test_the_arrays_give_scikit_learn_s_probabilities(
    classes: int, balanced: bool, features: int
) -> None:
    values, labels = samples(classes, features)
    scaled = StandardScaler().fit_transform(values)
    priors = [1 / classes] * classes if balanced else None
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto", priors=priors)
    logistic = LogisticRegression(C=0.1, class_weight="balanced" if balanced else None)
    known = lda.fit(scaled, labels).predict_proba(scaled)
    found = fit_lda(values, labels, balanced=balanced).log_probabilities(values)
    assert np.allclose(np.exp(found), known, atol=1e-9)
    known = logistic.fit(scaled, labels).predict_proba(scaled)
    found = fit_logistic(values, labels, strength=0.1, balanced=balanced).log_probabilities(values)
    assert np.allclose(np.exp(found), known, atol=1e-4)


def test_more_features_than_samples_tell_classes_apart() -> None:
    rng = np.random.default_rng(0)
    values, labels = rng.normal(size=(40, 400)), np.arange(40) % 2
    values[:, :40] += labels[:, None] * 1.5
    fresh = rng.normal(size=(200, 400))
    fresh[100:, :40] += 1.5
    answers = fit_lda(values, labels).log_probabilities(fresh).argmax(axis=1)
    assert (answers == np.repeat([0, 1], 100)).mean() > 0.85


def test_a_missing_value_is_the_mean_and_a_constant_says_nothing() -> None:
    values, labels = samples(2)
    values[:, 3] = 7e8
    values[3:9, 5] = np.nan
    head = fit_lda(values, labels)
    assert head.mean[5] == pytest.approx(np.nanmean(values[:, 5]))
    one = values[:1].copy()
    one[0, 5] = head.mean[5]
    gone = one.copy()
    gone[0, 5] = np.nan
    assert np.allclose(head.log_probabilities(one), head.log_probabilities(gone))
    other = one.copy()
    other[0, 3] += 1
    assert np.allclose(head.log_probabilities(one), head.log_probabilities(other), atol=1e-9)


def test_a_feature_that_is_always_missing_is_left_out() -> None:
    values, labels = samples(3)
    values[:, 2] = np.nan
    assert np.isfinite(fit_lda(values, labels).log_probabilities(values)).all()


@pytest.mark.parametrize("labels", [[0, 0, 0], [0, 2, 2], []])
def test_each_class_needs_a_sample(labels: list[int]) -> None:
    chosen = np.array(labels, np.intp)
    with pytest.raises(ValueError, match="two or more classes"):
        fit_lda(np.zeros((len(labels), 2)), chosen)
