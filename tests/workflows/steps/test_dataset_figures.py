import numpy as np
import pandas as pd
import pytest

from ck19ml.plates.dataset.store import Dataset
from ck19ml.workflows.steps import dataset_figures


def test_a_dataset_is_shown_with_its_masks_and_beside_the_instrument(
    tiny_dataset: Dataset,
) -> None:
    figures = dict(dataset_figures.overview_figures(tiny_dataset))
    assert set(figures) == {"mask_gallery", "against_instrument"}
    table = tiny_dataset.table
    best = table.loc[table["overlap"].idxmax()]
    titles = [axes.get_title() for axes in figures["mask_gallery"].axes[:6]]
    assert f"{best['well']} {best['stimulation']}\n{100 * best['overlap']:.1f} %" in titles
    drawn = sum(
        len(points.get_offsets()) for points in figures["against_instrument"].axes[2].collections
    )
    assert drawn == table[["plate", "well"]].drop_duplicates().shape[0]


def test_flagged_fields_are_shown_with_the_reasons(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = tiny_dataset.fields.assign(flagged="")
    fields.loc[3, "flagged"] = "focus_dc; many_tcell"
    monkeypatch.setitem(vars(tiny_dataset), "fields", fields)
    figure = dict(dataset_figures.overview_figures(tiny_dataset))["wells_to_look_at"]
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert titles == [f"{fields.loc[3, 'well']}\nfocus_dc\nmany_tcell"]


def test_examples_go_from_little_overlap_to_the_most_and_leave_faulty_patches_out() -> None:
    table = pd.DataFrame({"overlap": np.arange(101) / 100, "faulty": False})
    assert dataset_figures._examples(table).tolist() == [10, 50, 75, 90, 97, 100]
    table.loc[[100, 10], "faulty"] = True
    assert not {100, 10} & set(dataset_figures._examples(table))
    assert dataset_figures._examples(table.assign(faulty=True)).size == 0


def test_an_older_dataset_has_no_instrument_table(
    tiny_dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset_figures, "INSTRUMENT", "none.csv")
    assert set(dict(dataset_figures.overview_figures(tiny_dataset))) == {"mask_gallery"}
