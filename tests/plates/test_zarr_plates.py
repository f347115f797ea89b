"""OME-Zarr plates, 0.4 and 0.5, as plates to prepare."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import zarr

from ck19ml.errors import PlateError
from ck19ml.plates.export import export_plate
from ck19ml.plates.folder import find_plate, read_field
from ck19ml.plates.proposal import propose
from ck19ml.workflows.steps.layouts import layout_of, plate_layout
from tests.plates.made_plates import SIDE, grey, labels, write_well
from tests.plates.prepared import prepare_dataset


def converted(
    folder: Path,
    version: str,
    labels_: tuple[str, str] = ("CFSE", "CMTPX"),
    images: Mapping[str, np.ndarray] | None = None,
) -> Path:
    """Write a plate as converters do: one field in A/1 and B/2; C/3 is named and missing.

    `images`, both channels of each well by its path, are written in place of noise.
    """
    v3 = version == "0.5"
    root = zarr.open_group(folder, mode="w", zarr_format=3 if v3 else 2)

    def note(group: zarr.Group, content: dict[str, object]) -> None:
        group.attrs.update({"ome": {"version": version, **content}} if v3 else content)

    if images is None:
        images = {
            well: np.stack([grey(10 * number + channel) for channel in (0, 1)])
            for number, well in enumerate(("A/1", "B/2"))
        }
    wells = [*images, "C/3"]
    rows, columns = (sorted({well.split("/")[n] for well in wells}) for n in (0, 1))
    note(root, {"plate": {
        "name": "conv", "rows": [{"name": n} for n in rows],
        "columns": [{"name": n} for n in columns],
        "wells": [
            {"path": w, "rowIndex": rows.index(w.split("/")[0]),
             "columnIndex": columns.index(w.split("/")[1])} for w in wells
        ],
    }})  # fmt: skip
    for well, planes in images.items():
        group = root.create_group(well)
        note(group, {"well": {"images": [{"path": "0", "acquisition": 0}]}})
        image = group.create_group("0")
        data = planes[None, :, None]
        image.create_array("0", data=data, chunks=(1, 1, 1, SIDE, SIDE))
        axes = [{"name": n} for n in "tcz"] + [{"name": n, "unit": "micrometer"} for n in "yx"]
        scale = {"type": "scale", "scale": [1, 1, 1, 0.5, 0.5]}
        note(image, {
            "multiscales": [
                {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [scale]}]}
            ],
            "omero": {"channels": [{"label": name} for name in labels_]},
        })  # fmt: skip
    return folder


def condition_table(folder: Path) -> None:
    place = folder / "tables" / "condition"
    place.mkdir(parents=True)
    (place / ".zattrs").write_text(json.dumps({"type": "condition_table", "backend": "csv"}))
    (place / "table.csv").write_text("row,column,drug,concentration\nA,1,DMSO,0\nB,2,X,0.3\n")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_a_converter_s_plate_and_its_condition_table(tmp_path: Path, version: str) -> None:
    folder = converted(tmp_path / "conv.zarr", version)
    condition_table(folder)
    plate = find_plate(folder)
    assert (plate.name, plate.wells) == ("conv", ["A01", "B02"])
    assert plate.description.channels == {"dc": "CMTPX", "tcell": "CFSE"}
    assert plate.description.pixel_size_um == 0.5
    assert "1 wells are missing, such as C/3" in plate.notes
    assert "pixel_size_um: 0.5  # from " in propose(folder)
    image = read_field(plate.fields[1], plate.description)
    np.testing.assert_array_equal(image[..., 0], grey(11))
    np.testing.assert_array_equal(image[..., 1], grey(10))
    reading = layout_of(plate, None)
    rows = reading.layout.set_index("well")
    assert rows["control"].to_dict() == {"A01": "vehicle", "B02": ""}
    assert rows.loc["B02", ["compound", "concentration_um"]].tolist() == ["X", 0.3]
    assert any("no column gives the stimulation" in note for note in reading.notes)


def test_an_exported_plate_gives_the_same_content_hash(tmp_path: Path) -> None:
    for row, column in (("A", 1), ("B", 2)):
        for field in (1, 3):
            write_well(tmp_path / "CK19", row, column, field=field)
    (tmp_path / "CK19" / "plate.yaml").write_text("background: 300\npixel_size_um: 0.7\n")
    plate, layout = find_plate(tmp_path / "CK19"), labels(["A01", "B02"])
    target = export_plate(plate, tmp_path / "CK19.ome.zarr", layout=layout)
    again = find_plate(target)
    first, second = (
        prepare_dataset(
            each, plate_layout(each, None) if each is again else layout, tmp_path / name,
            mask="otsu", patch_size=16,
        )
        for each, name in ((plate, "a.zarr"), (again, "b.zarr"))
    )  # fmt: skip
    assert second.content_hash == first.content_hash


def test_channels_without_telling_names_are_asked_for_and_then_read(tmp_path: Path) -> None:
    folder = converted(tmp_path / "conv.zarr", "0.4", ("a", "b"))
    with pytest.raises(PlateError, match=r"channels: \{dc: 'b', tcell: 'a'\}"):
        find_plate(folder)
    (folder / "plate.yaml").write_text("channels: {dc: 'b', tcell: 'a'}\n")
    plate = find_plate(folder)
    np.testing.assert_array_equal(read_field(plate.fields[0], plate.description)[..., 0], grey(1))


def test_a_codec_that_runs_code_is_refused(tmp_path: Path) -> None:
    folder = converted(tmp_path / "conv.zarr", "0.4")
    place = folder / "A" / "1" / "0" / "0" / ".zarray"
    content = json.loads(place.read_text()) | {"filters": [{"id": "pickle", "protocol": 5}]}
    place.write_text(json.dumps(content))
    plate = find_plate(folder)
    with pytest.raises(PlateError, match="filters"):
        read_field(plate.fields[0], plate.description)


def test_paths_lead_nowhere_else(tmp_path: Path) -> None:
    folder = converted(tmp_path / "conv.zarr", "0.4")
    text = (folder / ".zattrs").read_text()
    (folder / ".zattrs").write_text(text.replace("A/1", "../x"))
    with pytest.raises(PlateError, match=r"cannot read the instrument's metadata \(a path"):
        find_plate(folder)
