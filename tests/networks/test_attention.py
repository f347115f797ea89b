import numpy as np
import pytest

from ck19ml.networks import attention


def test_bags_hold_each_patch_once_in_the_order_of_the_wells() -> None:
    features = np.arange(10, dtype=np.float32).reshape(5, 2)
    made = attention.bags(features, np.array([1, 0, 1, 1, 0]))
    assert made.present.tolist() == [[1, 1, 0], [1, 1, 1]]
    assert made.features[0, :2].tolist() == features[[1, 4]].tolist()
    assert made.features[1].tolist() == features[[0, 2, 3]].tolist()
    assert (made.features[0, 2] == 0).all()


def test_maps_are_reduced_to_mean_spread_and_maximum() -> None:
    features = np.array([[1, 10, 3, 10, 5, 10, 7, 10]], np.float32)  # 2 x 2 positions, 2 maps
    assert attention.pooled_features(features, (2, 2, 2)).tolist() == [
        [4.0, 10.0, pytest.approx(5**0.5), 0.0, 7.0, 10.0]
    ]


@pytest.mark.slow
def test_places_without_a_patch_say_nothing() -> None:
    network = attention.build_attention(3, 2)
    rng = np.random.default_rng(0)
    own = rng.random((1, 4, 3)).astype(np.float32)
    longer = np.concatenate([own, np.full((1, 2, 3), 7, np.float32)], axis=1)
    present = np.array([[1, 1, 1, 1, 0, 0]], np.float32)
    short = network.predict([own, np.ones((1, 4), np.float32)], verbose=0)
    np.testing.assert_allclose(network.predict([longer, present], verbose=0), short, atol=1e-6)


@pytest.mark.slow
def test_a_well_told_by_one_patch_in_ten_is_learnt() -> None:
    rng = np.random.default_rng(1)

    def wells(count: int) -> tuple[attention.Bags, np.ndarray]:
        labels = np.arange(count) % 2
        features = rng.normal(0, 1, (count, 10, 4)).astype(np.float32)
        features[labels == 1, 0, 2] += 6  # where one patch shows what the others do not
        return attention.bags(features.reshape(-1, 4), np.repeat(np.arange(count), 10)), labels

    (train, labels), (validation, known), (test, true) = wells(80), wells(40), wells(60)
    network, mean, scale = attention.train_attention(
        train, labels, validation, known, classes=2, seed=0
    )
    answers = attention.answer_wells(network, test, mean, scale)
    assert (answers.argmax(axis=1) == true).mean() > 0.9
