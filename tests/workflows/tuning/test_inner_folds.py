"""When a trial answers no more folds."""

import pytest

from ck19ml.workflows.tuning.inner_folds import Scored, is_hopeless, value_of


def scored(*losses: float) -> Scored:
    return Scored({f"well {i}": loss for i, loss in enumerate(losses)}, {}, {})


@pytest.mark.parametrize(
    ("losses", "hopeless"),
    [
        ((1.0, 1.2, 1.4), True),  # worse by 0.2, 0.4, 0.6: 0.4, standard error 0.115
        ((0.9, 0.6, 1.2), False),  # worse by 0.1, -0.2, 0.4: 0.1, standard error 0.173
        ((0.2, 0.2, 0.2), False),
        ((3.0,), False),  # one well says nothing
    ],
)
def test_worse_by_more_than_a_standard_error(losses, hopeless):
    reference = scored(0.8, 0.8, 0.8, 0.1)
    assert is_hopeless(scored(*losses), reference) is hopeless


def test_few_wells_are_valued_beside_the_reference_on_the_same_ones():
    assert value_of(scored(1.0), scored(0.8, 0.4)) == pytest.approx(0.6 + 0.2)
