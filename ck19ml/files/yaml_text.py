"""Read YAML that people write: plain values, unique keys, bounded size."""

from pathlib import Path
from typing import Any

import yaml

from ck19ml.files.reading import BoundsError, is_text, read_text

MOST_BYTES = 2**18
"""Largest size in bytes: PyYAML takes a second for it; configs have a few kilobytes."""

MOST_VALUES = 10_000
"""Largest number of values of a YAML document, those of an anchor counted at each use."""


def read_yaml(path: Path) -> Any:
    """Read a file that holds one YAML document.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it has another encoding, or for the reasons of `parse_yaml`.
    """
    return parse_yaml(read_text(path, MOST_BYTES))


def parse_yaml(text: str) -> Any:
    """Read one YAML document of plain values.

    Raises
    ------
    ValueError
        If it is not YAML, repeats a key, or has anchors that expand to more than 10,000 values
        or contain themselves; the message is one line.
    """
    loader = yaml.SafeLoader("")
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _count(node, {}, set())
        return loader.construct_document(node)
    except BoundsError:
        raise
    except RecursionError as error:
        raise BoundsError("values are nested too deeply") from error
    except Exception as error:  # PyYAML raises nearly anything for odd values
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise ValueError(reason) from error
    finally:
        loader.dispose()


def _count(node: yaml.Node, known: dict[int, int], above: set[int]) -> int:
    """Count the values that a node expands to.

    Parameters
    ----------
    known : dict
        Counts of nodes; without it, counting would take as long as the expansion.
    above : set
        Ancestors of the node.
    """
    if id(node) in known:
        return known[id(node)]
    if id(node) in above:
        raise BoundsError("an anchor contains itself")
    total = 1
    if isinstance(node, yaml.ScalarNode) and ("\0" in node.value or not is_text(node.value)):
        raise ValueError(f"a character that is not allowed in {node.value[:80]!r}")
    if isinstance(node, yaml.MappingNode):
        _refuse_doubles(node)
    if isinstance(node, yaml.CollectionNode):
        above.add(id(node))
        for child in _children(node):
            total += _count(child, known, above)
        above.remove(id(node))
    if total > MOST_VALUES:
        raise BoundsError(f"more than {MOST_VALUES:,} values, anchors included")
    known[id(node)] = total
    return total


def _children(node: yaml.CollectionNode) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value)


def _refuse_doubles(node: yaml.MappingNode) -> None:
    seen = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                line = key.start_mark.line + 1
                raise ValueError(f"the key {key.value[:80]!r} is repeated (line {line})")
            seen.add(key.value)
