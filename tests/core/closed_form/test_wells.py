import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax

from ck19ml.core.closed_form.heads import LinearHead, fit_lda, fit_logistic
from ck19ml.core.closed_form.wells import Wells, as_wells, cross_fitted, fit_wells, pool_wells


@given(st.lists(st.integers(0, 3), min_size=4, max_size=30), st.integers(0, 99))
def test_wells_are_pooled_as_numpy_would(drawn: list[int], seed: int) -> None:
    well = np.unique(drawn, return_inverse=True)[1]
    features = np.random.default_rng(seed).normal(size=(len(well), 3))
    found = pool_wells(features, well)
    for index in range(well.max() + 1):
        own = features[well == index]
        assert np.allclose(found[index, :3], own.mean(axis=0))
        if len(own) > 1:
            assert np.allclose(found[index, 3:], own.std(axis=0))
        else:
            assert np.isnan(found[index, 3:]).all()


def test_a_patch_on_its_own_is_a_well_of_one() -> None:
    features = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert np.array_equal(as_wells(features), pool_wells(features, np.arange(2)), equal_nan=True)


def wells(each: int = 12, classes: int = 2, patches: int = 3, features: int = 8) -> Wells:
    """Wells of several patches, of which the first features tell the classes apart."""
    rng = np.random.default_rng(each + classes)
    labels = np.repeat(np.arange(classes), each)
    well = np.repeat(np.arange(labels.size), patches)
    values = rng.normal(size=(well.size, features)) + rng.normal(size=(labels.size, features))[well]
    values[:, :classes] += 2 * np.eye(classes)[labels][well]
    return Wells(values, well, labels, np.arange(labels.size), (features,))


def test_sources_are_averaged_in_their_log_probabilities() -> None:
    one = wells(features=8)
    both = Wells(one.features, one.well, one.labels, one.groups, (5, 3))
    pooled = pool_wells(one.features, one.well)
    logs = []
    for columns in ([0, 1, 2, 3, 4, 8, 9, 10, 11, 12], [5, 6, 7, 13, 14, 15]):
        own = pooled[:, columns]
        logs.append(fit_lda(own, one.labels).log_probabilities(own))
    found = fit_wells(fit_lda, both).log_probabilities(pooled)
    assert np.allclose(found, log_softmax((logs[0] + logs[1]) / 2, axis=1))


def test_a_group_is_answered_by_heads_that_have_not_seen_it() -> None:
    data = wells(each=20)
    data = Wells(data.features, data.well, data.labels, np.arange(40) // 4, data.widths)
    pooled, seen = pool_wells(data.features, data.well), []

    def fit(features: np.ndarray, own: np.ndarray) -> LinearHead:
        seen.append({tuple(row) for row in features})
        return fit_logistic(features, own)

    of_wells, of_patches = cross_fitted(fit, data)
    assert np.allclose(np.exp(of_wells).sum(axis=1), 1)
    assert np.allclose(np.exp(of_patches).sum(axis=1), 1)
    assert (of_wells.argmax(axis=1) == data.labels).mean() > 0.8
    assert (of_patches.argmax(axis=1) == data.labels[data.well]).mean() > 0.7
    assert len(seen) == 5
    for group in range(10):
        own = {tuple(row) for row in pooled[data.groups == group]}
        assert sorted(len(own & rows) for rows in seen) == [0, 4, 4, 4, 4]


def test_a_class_of_one_group_only_is_never_known_to_it() -> None:
    data = wells(classes=3)
    groups = np.where(data.labels == 2, 99, np.arange(36))
    one = Wells(data.features, data.well, data.labels, groups, data.widths)
    of_wells, _ = cross_fitted(fit_lda, one)
    assert (of_wells[data.labels == 2].argmax(axis=1) != 2).all()
    assert np.isfinite(of_wells).all()


def test_nothing_is_answered_where_nothing_can_be_fitted() -> None:
    data = wells()
    by_class = Wells(data.features, data.well, data.labels, data.labels, data.widths)
    assert np.isnan(cross_fitted(fit_lda, by_class)[0]).all()
    whole = Wells(data.features, data.well, data.labels, 0 * data.groups, data.widths)
    with pytest.raises(ValueError, match="two groups"):
        cross_fitted(fit_lda, whole)
