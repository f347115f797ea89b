from pathlib import Path

import keras
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from ck19ml.core.linear_heads import fit_lda, fit_logistic
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
    network = build_head({"measurements": fit_lda(values, labels)})
    found = np.asarray(network.predict_on_batch({"measurements": values}))
    assert np.allclose(found, lda.predict_proba(scaled), atol=1e-4)
    logistic = LogisticRegression(C=0.03, max_iter=1000).fit(scaled, labels)
    network = build_head({"measurements": fit_logistic(values, labels)})
    found = np.asarray(network.predict_on_batch({"measurements": values}))
    assert np.allclose(found, logistic.predict_proba(scaled), atol=1e-4)


def test_two_sources_are_averaged_in_their_logarithms_and_kept_as_arrays(tmp_path: Path) -> None:
    (first, labels), (second, _) = samples(3, 10), samples(3, 25)
    first[4, 2] = second[7, 3] = np.nan
    heads = {"measurements": fit_lda(first, labels), "features": fit_lda(second, labels)}
    logs = [heads["measurements"].log_probabilities(first),
            heads["features"].log_probabilities(second)]  # fmt: skip
    build_head(heads).save(tmp_path / "head.keras")
    network = keras.models.load_model(tmp_path / "head.keras", compile=False, safe_mode=True)
    found = network.predict_on_batch({"measurements": first, "features": second})
    assert np.allclose(np.asarray(found), softmax(np.mean(logs, axis=0), axis=1), atol=1e-4)
