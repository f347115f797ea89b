from pathlib import Path

import keras
import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ck19ml.core.closed_form.heads import fit_lda, fit_logistic
from ck19ml.networks.closed_form.head import build_head


def samples(classes: int, features: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(features)
    labels = np.arange(40) % classes
    values = rng.normal(size=(40, features)) * np.geomspace(1e-3, 1e4, features)
    values[:, 0] += 2e-3 * labels
    return values, labels


@pytest.mark.parametrize("classes", [2, 3])
def test_keras_gives_scikit_learn_s_probabilities(classes: int) -> None:
    values, labels = samples(classes, 30)
    scaled = StandardScaler().fit_transform(values)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(scaled, labels)
    found = np.asarray(build_head(fit_lda(values, labels)).predict_on_batch(values))
    assert np.allclose(found, lda.predict_proba(scaled), atol=1e-4)
    logistic = LogisticRegression(C=0.03, max_iter=1000).fit(scaled, labels)
    found = np.asarray(build_head(fit_logistic(values, labels)).predict_on_batch(values))
    assert np.allclose(found, logistic.predict_proba(scaled), atol=1e-4)


def test_missing_features_count_as_the_mean_and_the_arrays_are_kept(tmp_path: Path) -> None:
    values, labels = samples(3, 25)
    values[4, 2] = values[7, 3] = np.nan
    head = fit_lda(values, labels)
    build_head(head).save(tmp_path / "head.keras")
    network = keras.models.load_model(tmp_path / "head.keras", compile=False, safe_mode=True)
    known = np.exp(head.log_probabilities(values))
    assert np.allclose(np.asarray(network.predict_on_batch(values)), known, atol=1e-4)
