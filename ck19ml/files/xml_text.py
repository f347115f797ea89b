"""XML that comes with data: read within bounds, without entities and without a document type."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from ck19ml.files.reading import BoundsError, require_file

MOST_XML_BYTES = 2**30
"""An index of 384 wells with 9 fields, 4 channels and 5 planes takes about 100 MB."""

MOST_NODES = 2_000_000
"""Elements that one wanted element may hold."""

_CHUNK = 2**20


@dataclass
class Node:
    """An element: its name and attributes without namespaces, its text and its children."""

    name: str
    attributes: dict[str, str]
    text: str = ""
    children: list["Node"] = field(default_factory=list)

    def get(self, attribute: str) -> str | None:
        """Return an attribute; None where there is none."""
        return self.attributes.get(attribute)

    def child(self, name: str) -> "Node | None":
        """Return the first child of a name."""
        return next((node for node in self.children if node.name == name), None)

    def all(self, name: str) -> list["Node"]:
        """Return the children of a name."""
        return [node for node in self.children if node.name == name]

    def value(self, name: str) -> str | None:
        """Return the text of the first child of a name; None where there is none."""
        node = self.child(name)
        return None if node is None else node.text.strip()


def elements(source: Path | str, names: Collection[str]) -> Iterator[Node]:
    """Yield the elements of these names, each when it ends, one inside another not apart.

    Parameters
    ----------
    source : Path or str
        A file, which is never held in memory as a whole, or the text itself.
    names : collection of str
        Names without namespaces.

    Raises
    ------
    OSError
        If the file cannot be read.
    BoundsError
        If it is larger than anything that is meant here.
    ValueError
        If it is no XML, or has a document type: entities are declared there.
    """
    reader = _Reader(names)
    try:
        if isinstance(source, str):
            yield from reader.feed(source.encode(), last=True)
            return
        if (size := require_file(source)) > MOST_XML_BYTES:
            raise BoundsError(f"{size} bytes, more than {MOST_XML_BYTES // 2**20} MiB")
        with source.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield from reader.feed(chunk)
        yield from reader.feed(b"", last=True)
    except expat.ExpatError as error:
        raise ValueError(f"no XML ({error})") from error
    except LookupError as error:
        raise ValueError(f"XML in an unknown encoding ({error})") from error


class _Reader:
    """Builds the wanted elements from expat's events."""

    def __init__(self, names: Collection[str]) -> None:
        self.names = names
        self.open: list[Node] = []
        self.done: list[Node] = []
        self.nodes = 0
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def feed(self, chunk: bytes, last: bool = False) -> Iterator[Node]:
        self.parser.Parse(chunk, last)
        yield from self.done
        self.done.clear()

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        if not self.open and local not in self.names:
            return
        self.nodes = self.nodes + 1 if self.open else 1
        if self.nodes > MOST_NODES:
            raise BoundsError(f"more than {MOST_NODES:,} elements in {self.open[0].name}")
        node = Node(local, {key.rpartition(" ")[2]: value for key, value in attributes.items()})
        if self.open:
            self.open[-1].children.append(node)
        self.open.append(node)

    def _end(self, _name: str) -> None:
        if self.open:
            node = self.open.pop()
            if not self.open:
                self.done.append(node)

    def _text(self, text: str) -> None:
        if self.open:
            self.open[-1].text += text

    @staticmethod
    def _refuse(*_: object) -> None:
        raise ValueError("XML with a document type, which is not read")
