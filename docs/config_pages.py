"""Reference pages of the configs and of plate.yaml, made from the code when the site is built."""

import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_args, get_type_hints

import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import TypeAdapter

from ck19ml import config as configs
from ck19ml.plates.description import PlateDescription

CONFIGS = """# Configs
The keys of `experiments/*.yaml`. `-s key.path=value` overrides one of them, for example
`-s fit.epochs=3`. An unknown key is an error that names the nearest known one.
"""
PLATE_YAML = """# plate.yaml
The keys of the file that describes the images of a plate folder. Without it, a folder is read as a
plate of the INCell Analyzer, which is what the defaults describe.
"""
WORDS = {"integer": "whole number", "string": "text", "boolean": "true or false"}
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in docs/: a hook of MkDocs."""
    for path, text in pages().items():
        files.append(File.generated(config, f"reference/{path}", content=text))
    return files


def pages() -> dict[str, str]:
    """Return the text of each generated page by its file name."""
    return {
        "configs.md": "\n".join([CONFIGS, *map(_section, config_kinds())]),
        "plate-yaml.md": "\n".join(
            [
                PLATE_YAML,
                *_table(PlateDescription),
                "",
                *map(_section, _with_inner(_inner(PlateDescription))),
            ]
        ),
    }


def config_kinds() -> Iterator[type]:
    """Yield the config of each command, then all that are values of their keys, each once."""
    yield from _with_inner(_commands())


def _commands() -> Iterator[type]:
    exported = [value for _, value in sorted(vars(configs).items()) if inspect.isclass(value)]
    for kind in exported:
        if "he command ``" in (kind.__doc__ or "").splitlines()[0]:
            yield kind


def _with_inner(kinds: Iterable[type]) -> Iterator[type]:
    """Yield configs, then all that are values of their keys, each once."""
    left = list(kinds)
    seen: list[type] = []
    for kind in left:
        if kind not in seen:
            seen.append(kind)
            left += _inner(kind)
            yield kind


def _inner(kind: type) -> Iterator[type]:
    left = list(get_type_hints(kind).values())
    while left:
        hint = left.pop(0)
        left += get_args(hint)
        if inspect.isclass(hint) and hint.__module__.startswith("ck19ml."):
            yield hint


def _section(kind: type) -> str:
    summary = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0].replace("``", "`")
    return "\n".join([f"## {kind.__name__}\n", summary, "", *_table(kind), ""])


def _table(kind: type) -> Iterator[str]:
    """Yield the lines of a table of a config's keys: values, default and meaning."""
    schema, meanings = TypeAdapter(kind).json_schema(), attributes(kind)
    yield from (_row("key", "value", "default", "meaning"), _row(*["---"] * 4))
    for name, key in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else _default(key, schema)
        meaning = meanings.get(name) or key.get("description") or _of_type(key, schema)
        yield _row(f"`{name}`", _value(key), default, meaning)


def _of_type(key: dict[str, Any], schema: dict[str, Any]) -> str:
    """Return the first sentence on the config that a key holds; "" for other values."""
    for each in (key, *key.get("anyOf", ())):
        if "$ref" in each:
            said = schema["$defs"][each["$ref"].rpartition("/")[2]].get("description", "")
            return str(said.partition("\n\n")[0])
    return ""


def attributes(kind: type) -> dict[str, str]:
    """Return the meaning of each attribute of a class, from its numpydoc and its bases'."""
    said: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        text = inspect.cleandoc(each.__doc__ or "").partition("Attributes\n----------\n")[2]
        found = re.findall(r"^(\w[^:\n]*?)(?: :[^\n]*)?\n((?: +[^\n]*\n?)+)", text, re.M)
        said |= {
            name: " ".join(says.split()) for names, says in found for name in names.split(", ")
        }
    return said


def _value(key: dict[str, Any]) -> str:
    """Say which values a key takes."""
    if "$ref" in key:
        name = key["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in key:
        return ", ".join(f"`{each}`" for each in key["enum"])
    if parts := key.get("anyOf") or key.get("oneOf"):
        return " or ".join(map(_value, parts))
    kind = key.get("type", "any")
    if kind == "array":
        return f"list of {_value(key.get('items') or key['prefixItems'][0])}"
    if kind == "object":
        return f"name: {_value(key['additionalProperties'])}"
    limits = ", ".join(f"{sign} {key[name]}" for name, sign in LIMITS.items() if name in key)
    return f"{'path' if key.get('format') == 'path' else WORDS.get(kind, kind)} {limits}".strip()


def _default(key: dict[str, Any], schema: dict[str, Any]) -> str:
    given = key.get("default")
    if "$ref" in key and isinstance(given, dict):
        own = schema["$defs"][key["$ref"].rpartition("/")[2]]["properties"]
        given = {name: each for name, each in given.items() if each != own[name].get("default")}
        if not given:
            return "its own"
    text = yaml.safe_dump(given, default_flow_style=True, width=10**6, sort_keys=False)
    return f"`{text.split(chr(10))[0]}`"


def _row(*cells: str) -> str:
    return "| " + " | ".join(c.replace("|", "\\|").replace("``", "`") for c in cells) + " |"
