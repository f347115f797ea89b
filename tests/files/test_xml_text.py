from pathlib import Path

import pytest

from ck19ml.files import xml_text
from ck19ml.files.reading import BoundsError
from ck19ml.files.xml_text import elements

TEXT = """<?xml version="1.0"?>
<b:Plate xmlns:b="http://x.org/1" xmlns="http://x.org/2">
  <b:Image b:Row="1" Column="2"><URL>a.tif</URL><URL> b.tif </URL></b:Image>
  <Other><Image Row="3"/></Other>
</b:Plate>"""


@pytest.mark.parametrize("as_file", [True, False])
def test_wanted_elements_come_without_namespaces(tmp_path: Path, as_file: bool) -> None:
    path = tmp_path / "x.xml"
    path.write_text(TEXT)
    first, second = elements(path if as_file else TEXT, {"Image"})
    assert (first.get("Row"), first.get("Column"), first.get("Field")) == ("1", "2", None)
    assert [node.text for node in first.all("URL")] == ["a.tif", " b.tif "]
    assert (first.value("URL"), first.value("Size"), second.get("Row")) == ("a.tif", None, "3")


def test_a_large_file_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_text, "_CHUNK", 7)
    path = tmp_path / "x.xml"
    inner = "".join(f"<i>é{n}</i>" for n in range(50))
    path.write_text(f"<all>{inner}</all>", encoding="utf-8")
    assert [node.text for node in elements(path, {"i"})] == [f"é{n}" for n in range(50)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no xml",
        "<a><b></a>",
        '<?xml version="1.0" encoding="nosuch"?><a/>',
        '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        "<a>&nosuch;</a>",
    ],
)
def test_what_is_no_plain_xml_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="XML"):
        list(elements(text, {"a"}))


def test_bounds_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.xml").write_text("<a><b/><b/><b/></a>")
    monkeypatch.setattr(xml_text, "MOST_NODES", 3)
    with pytest.raises(BoundsError, match="more than 3 elements in a"):
        list(elements(tmp_path / "x.xml", {"a"}))
    assert len(list(elements(tmp_path / "x.xml", {"b"}))) == 3
    monkeypatch.setattr(xml_text, "MOST_XML_BYTES", 10)
    with pytest.raises(BoundsError, match="19 bytes"):
        list(elements(tmp_path / "x.xml", {"b"}))
