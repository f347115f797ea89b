import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from skimage.measure import label, regionprops_table

from ck19ml.core.contacts import by_patch, measure_cells, summary


def field(*cells: tuple[str, slice, slice]) -> NDArray[np.int32]:
    """Label images, (2, 12, 12), of rectangles."""
    labels = np.zeros((2, 12, 12), np.int32)
    for kind, rows, columns in cells:
        plane = labels[["dc", "tcell"].index(kind)]
        plane[rows, columns] = plane.max() + 1
    return labels


def measured(
    labels: NDArray[np.int32], contact_um: float = 1.0, pixel: float = 1.0
) -> pd.DataFrame:
    image = np.full((*labels.shape[1:], 2), 100, np.uint16)
    image[labels[0] > 0, 0] = 300
    image[labels[1] > 0, 1] = 400
    return measure_cells(image, labels, pixel, contact_um)


def test_a_contact_by_hand() -> None:
    dc = ("dc", slice(2, 6), slice(2, 6))
    tcell = ("tcell", slice(2, 6), slice(5, 9))  # one column of four lies on the DC
    found = measured(field(dc, tcell, ("tcell", slice(9, 12), slice(9, 12))), pixel=2.0)
    assert found["channel"].tolist() == ["dc", "tcell", "tcell"]
    assert found["label"].tolist() == [1, 1, 2]
    assert found["centroid_y"].tolist() == [3.5, 3.5, 10]
    assert found["centroid_x"].tolist() == [3.5, 6.5, 10]
    assert found["area_um2"].tolist() == [64, 64, 36]
    assert found["mean_intensity"].tolist() == [200, 300, 300]
    assert found["integrated_intensity"].tolist() == [3200, 4800, 2700]
    assert found["touches_border"].tolist() == [False, False, True]
    assert found["partners"].tolist() == [1, 1, 0]
    assert found["contact_share"].tolist() == [0.25, 0.25, 0]
    # The column on the partner, and the one beside it.
    assert found["contact_area_um2"].tolist() == [32, 32, 0]
    assert found["contact_ratio"].tolist()[:2] == [1, 1]
    assert np.isnan(found["contact_ratio"][2])


def test_how_far_cells_may_be_apart_and_how_many_one_may_touch() -> None:
    labels = field(
        ("dc", slice(0, 4), slice(0, 4)),
        ("dc", slice(8, 12), slice(0, 4)),
        ("tcell", slice(4, 6), slice(0, 4)),  # next to the first, two free rows from the second
    )
    for contact_um, partners in ((0.1, [1, 0, 1]), (1.0, [1, 0, 1]), (3.0, [1, 1, 2])):
        assert measured(labels, contact_um)["partners"].tolist() == partners
    apart = field(("dc", slice(0, 4), slice(0, 4)), ("tcell", slice(5, 8), slice(0, 4)))
    assert measured(apart)["partners"].tolist() == [0, 0]
    assert measured(apart, 2.0)["partners"].tolist() == [1, 1]
    assert measured(apart, 2.0, pixel=1.5)["partners"].tolist() == [0, 0]


def test_light_that_gathers_at_the_contact_raises_the_ratio() -> None:
    labels = field(("dc", slice(2, 6), slice(2, 5)), ("tcell", slice(2, 6), slice(5, 9)))
    image = np.zeros((12, 12, 2), np.uint16)
    image[labels[1] > 0, 1] = 10
    image[2:6, 5, 1] = 30  # the four pixels next to the DC; eight others are rim
    found = measure_cells(image, labels, 1.0, 1.0)
    assert found["contact_ratio"].tolist()[1] == 3


@settings(max_examples=40)
@given(arrays(bool, (9, 14), elements=st.booleans()))
def test_shapes_are_those_of_scikit_image(mask: NDArray[np.bool_]) -> None:
    labels = np.stack(
        [np.zeros(mask.shape, np.int32), label(mask, connectivity=1).astype(np.int32)]
    )
    image = np.arange(mask.size * 2, dtype=np.uint16).reshape(*mask.shape, 2)
    found = measure_cells(image, labels, 1.0)
    names = ("label", "area", "centroid", "intensity_mean", "eccentricity", "solidity")
    known = regionprops_table(labels[1], image[..., 1], properties=names)
    ground = np.percentile(image[::8, ::8, 1], 10)
    for ours, theirs, shift in (
        ("label", "label", 0),
        ("area_um2", "area", 0),
        ("centroid_y", "centroid-0", 0),
        ("centroid_x", "centroid-1", 0),
        ("mean_intensity", "intensity_mean", ground),
        ("eccentricity", "eccentricity", 0),
        ("solidity", "solidity", 0),
    ):
        np.testing.assert_allclose(found[ours] + shift, known[theirs], rtol=1e-5, atol=1e-5)


@settings(max_examples=40)
@given(arrays(np.int32, (2, 8, 10), elements=st.integers(0, 1)), st.sampled_from([1.0, 1.5, 2.5]))
def test_contacts_are_those_of_all_pairs_of_pixels(
    masks: NDArray[np.int32], contact: float
) -> None:
    labels = np.stack([label(mask, connectivity=1) for mask in masks])
    found = measured(labels, contact)
    places = [[np.argwhere(own == n) for n in range(1, own.max() + 1)] for own in labels]
    touch = np.zeros((len(places[0]), len(places[1])), bool)
    for i, dc in enumerate(places[0]):
        for j, tcell in enumerate(places[1]):
            apart = np.linalg.norm(dc[:, None] - tcell[None], axis=-1)
            touch[i, j] = apart.min() <= contact
    assert found["partners"].tolist() == [*touch.sum(axis=1), *touch.sum(axis=0)]
    bound = found["partners"] > 0
    assert ((found["contact_area_um2"] > 0) == bound).all()
    areas = found["contact_share"] * found["area_um2"]
    assert (areas <= found["contact_area_um2"] + 1e-4).all()


def test_a_field_without_cells_has_no_rows_and_a_summary() -> None:
    found = measured(field())
    assert found.empty
    told = summary(found)
    assert told["tcells_in_contact"] == told["dcs_in_contact"] == 0
    assert np.isnan([told["tcell_contact"], told["contact_area_um2"]]).all()


def test_the_summary_by_hand() -> None:
    cells = pd.DataFrame(
        {
            "channel": ["dc", "dc", "tcell", "tcell", "tcell"],
            "partners": [3, 0, 1, 2, 0],
            "contact_area_um2": [50.0, 0.0, 10.0, 30.0, 0.0],
            "mean_intensity": [5.0, 7.0, 1.0, 2.0, 9.0],
        }
    )
    assert summary(cells) == {
        "tcells_in_contact": 2,
        "dcs_in_contact": 1,
        "tcell_contact": pytest.approx(2 / 3),
        "contacts_per_tcell": 1.0,
        "contact_area_um2": 20.0,
        "intensity_dc": 6.0,
        "intensity_tcell": 2.0,
    }


def test_t_cells_belong_to_the_patch_of_their_centroid() -> None:
    cells = pd.DataFrame(
        {
            "channel": ["tcell", "tcell", "tcell", "dc"],
            "centroid_y": [0.0, 1.6, 3.0, 0.0],
            "centroid_x": [1.0, 1.4, 0.2, 1.0],  # the last T cell lies in the margin
            "partners": [1, 0, 1, 1],
        }
    )
    found = by_patch(cells, 4, 5, 2)
    assert found["tcell_count"].tolist() == [1, 0, 1, 0]
    assert found["tcells_in_contact"].tolist() == [1, 0, 0, 0]
    assert found["tcell_contact"].tolist() == [1, 0, 0, 0]
