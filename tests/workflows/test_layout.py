import pandas as pd
import pytest

from ck19ml.errors import PlateError
from ck19ml.plates.layouts.builtin import builtin_layout
from ck19ml.plates.layouts.reading import read_layout, write_layout
from ck19ml.workflows.layout import layout_command


@pytest.fixture
def file(tmp_path):
    write_layout(builtin_layout("ck21"), tmp_path / "plate.csv")
    return tmp_path / "plate.csv"


def test_table_and_picture_are_written(file, tmp_path):
    out, figure = tmp_path / "out.csv", tmp_path / "out.png"
    outcome = layout_command(file, out, figure, overwrite=False)
    assert outcome.data["wells"] == 320
    assert outcome.data["stimulations"] == {"Unstimulated": 160, "ConA": 160}
    pd.testing.assert_frame_equal(read_layout(out), builtin_layout("ck21"))
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_confounding_is_said(file):
    notes = layout_command(file, None, None, overwrite=False).data["notes"]
    assert any("column alone" in note for note in notes)


def test_a_file_that_stands_there_is_kept(file, tmp_path):
    (tmp_path / "out.csv").write_text("mine")
    with pytest.raises(PlateError, match=r"out\.csv.*--overwrite"):
        layout_command(file, tmp_path / "out.csv", None, overwrite=False)
    assert (tmp_path / "out.csv").read_text() == "mine"
