import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ck19ml.core.scores.baselines import (
    MEASURED,
    Baselines,
    LogisticRule,
    OverlapRule,
    fit_baselines,
    fit_logistic_rule,
    fit_overlap_rule,
    well_measures,
)

CLASSES = ["Unstimulated", "OVA", "ConA"]


class TestOverlapRule:
    def test_the_cut_lies_between_the_classes(self) -> None:
        rule = fit_overlap_rule(np.array([0.1, 0.2, 0.6, 0.8]), np.array([1, 1, 0, 0]), 2)
        assert rule.cuts == pytest.approx([0.4])
        assert rule.classes == [1, 0]

    def test_three_classes_have_two_cuts(self) -> None:
        overlap = np.array([0.0, 0.1, 0.3, 0.4, 0.8, 0.9])
        rule = fit_overlap_rule(overlap, np.array([0, 0, 2, 2, 1, 1]), 3)
        assert rule.cuts == pytest.approx([0.2, 0.6])
        assert rule.classes == [0, 2, 1]

    def test_a_stray_label_does_not_get_a_cut_of_its_own(self) -> None:
        overlap = np.linspace(0, 1, 20)
        labels = (overlap > 0.5).astype(int)
        labels[3] = 1
        rule = fit_overlap_rule(overlap, labels, 2)
        assert rule.cuts == pytest.approx([(overlap[9] + overlap[10]) / 2])

    def test_one_class_needs_no_cut(self) -> None:
        rule = fit_overlap_rule(np.array([0.1, 0.9]), np.array([1, 1]), 2)
        assert rule == OverlapRule(cuts=[], classes=[1])
        assert rule.predict(np.array([0.0, 0.5, 1.0])).tolist() == [1, 1, 1]

    def test_predict_by_hand(self) -> None:
        rule = OverlapRule(cuts=[0.2, 0.6], classes=[0, 2, 1])
        predicted = rule.predict(np.array([0.0, 0.19, 0.21, 0.59, 0.61, 1.0]))
        assert predicted.tolist() == [0, 0, 2, 2, 1, 1]

    @given(hnp.arrays(float, 24, elements=st.floats(0, 1)), st.integers(0, 100))
    def test_the_rule_is_no_worse_than_the_majority_on_what_it_was_fitted_to(
        self, overlap: np.ndarray, seed: int
    ) -> None:
        labels = np.random.default_rng(seed).integers(0, 3, 24)
        rule = fit_overlap_rule(overlap, labels, 3)
        assert len(rule.cuts) <= 2
        assert rule.cuts == sorted(rule.cuts)
        right = (rule.predict(overlap.astype(np.float32)) == labels).mean()
        assert right >= np.bincount(labels).max() / 24


def fitted() -> Baselines:
    """Wells 0 and 1 unstimulated, 2 OVA, 3 ConA; two patches each, three in well 3."""
    return fit_baselines(
        overlap=np.array([0.0, 0.1, 0.0, 0.1, 0.2, 0.4, 0.6, 0.7, 0.8]),
        labels=np.array([0, 0, 0, 0, 1, 1, 2, 2, 2]),
        well=np.array([0, 0, 1, 1, 2, 2, 3, 3, 3]),
        classes=CLASSES,
    )


class TestFitBaselines:
    def test_means_by_hand(self) -> None:
        baselines = fitted()
        assert baselines.mean_overlap == pytest.approx(2.9 / 9)
        assert baselines.class_overlap == pytest.approx([0.05, 0.3, 0.7])

    def test_rules_by_hand(self) -> None:
        baselines = fitted()
        assert baselines.patch_rule.cuts == pytest.approx([0.15, 0.5])
        assert baselines.patch_rule.classes == [0, 1, 2]
        assert baselines.well_rule.cuts == pytest.approx([0.175, 0.5])  # of means .05, .3, .7
        assert baselines.well_rule.classes == [0, 1, 2]

    def test_the_majority_is_of_wells_not_of_patches(self) -> None:
        baselines = fit_baselines(
            np.linspace(0, 1, 6), np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 0, 1, 2]),
            ["a", "b"],
        )  # fmt: skip
        assert baselines.majority == 1

    def test_a_class_without_patches_has_the_overall_mean(self) -> None:
        baselines = fit_baselines(
            np.array([0.2, 0.4]), np.array([0, 0]), np.array([0, 1]), ["a", "Faulty"]
        )
        assert baselines.class_overlap == pytest.approx([0.3, 0.3])

    def test_they_come_back_from_json(self) -> None:
        again = Baselines.model_validate_json(fitted().model_dump_json())
        assert again == fitted()
        overlap = np.linspace(0, 1, 11)
        np.testing.assert_array_equal(
            again.patch_rule.predict(overlap), fitted().patch_rule.predict(overlap)
        )

    def test_they_are_the_same_at_every_fit(self) -> None:
        assert fitted() == fitted()


class TestLogisticRule:
    def test_the_measurements_of_a_well_are_means_over_its_patches(self) -> None:
        rows = {name: [1.0, 3.0, 5.0] for name in MEASURED} | {"overlap": [0.0, 0.2, 0.4]}
        table = pd.DataFrame(rows).assign(plate="P", well=["A01", "A01", "A02"])
        measures = well_measures(table)
        assert measures.shape == (2, len(MEASURED) + 1)
        assert measures[0].tolist() == pytest.approx([0.1, *[2.0] * (len(MEASURED) - 1), 0.5])

    @pytest.mark.parametrize("classes", [2, 3])
    def test_it_tells_wells_that_can_be_told(self, classes: int) -> None:
        rng = np.random.default_rng(0)
        labels = np.arange(60) % classes
        measures = rng.normal(0, 1, (60, 4)) * 100
        measures[:, 2] += 1000 * labels
        rule = fit_logistic_rule(measures, labels)
        assert rule is not None
        again = LogisticRule.model_validate_json(rule.model_dump_json())
        assert (again.predict(measures) == labels).all()

    def test_one_class_has_none(self) -> None:
        assert fit_logistic_rule(np.ones((3, 2)), np.zeros(3, int)) is None
