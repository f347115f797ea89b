"""The study of overlap and contact, on a few small wells, under a real store."""

import pytest

from ck19ml.config import ContactConfig
from ck19ml.tracking import runs
from ck19ml.workflows.contact import contact_command, planned

SMALL = ContactConfig(masks=["truth", "otsu"], controls=2, graded=2, wells=3, size=192)


def test_the_plan_has_controls_and_inhibited_wells_at_each_density() -> None:
    plan = list(planned(SMALL))
    assert len(plan) == 2 * (2 * 2 + 2)
    for density in ("low", "high"):
        own = [well for well in plan if well.density == density]
        assert sum(well.control for well in own) == 4
        assert [well.inhibition for well in own if not well.control] == [0, 1]


def test_unknown_masks_are_refused() -> None:
    with pytest.raises(ValueError, match="found 'magic'"):
        ContactConfig(masks=["magic"])


@pytest.mark.slow
@pytest.mark.usefixtures("workplace")
def test_the_run_holds_table_scores_and_figure() -> None:
    outcome = contact_command(SMALL)
    run = runs.open_run(outcome.data["run"])
    assert run is not None
    assert run.state == "FINISHED"
    assert "truth/all/overlap_excess/spearman" in run.logged
    assert 0 <= run.logged["truth/plain/on_dc/f1"] <= 1
    assert any("bound to a DC, masks otsu, degraded" in line for line in outcome.lines)
    assert run.download("figures/contact.png").stat().st_size > 10_000
