"""Reference page of the Python interface, made from its docstrings when the site is built."""

import inspect
import re

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

import ck19ml
from ck19ml.files.quiet import quiet

HEAD = """# Python
`import ck19ml` offers these names; all others are private and may change. Nothing is loaded before
it is used, and MLflow only for a model from its registry. The examples follow each other, in a
folder that has a trained model in `model`; `tests/test_api.py` runs them.
"""
SECTION = re.compile(r"^(\w[\w ]*)\n-{3,}\n", re.M)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated page to those in docs/: a hook of MkDocs."""
    files.append(File.generated(config, "reference/python.md", content=page()))
    return files


def page() -> str:
    """Return a section for each public function in the order of the work, then for each class."""
    quiet()
    every = [getattr(ck19ml, name) for name in ck19ml.__all__ if not name.startswith("_")]
    functions = [each for each in every if inspect.isfunction(each)]
    functions.sort(key=lambda each: each.__code__.co_firstlineno)
    classes = [each for each in every if inspect.isclass(each)]
    return "\n".join([HEAD, *map(section, functions), *map(section, classes)])


def section(documented: type | object) -> str:
    """Return the section of a function, or of a class with its public members."""
    name = documented.__name__
    if not inspect.isclass(documented):
        return f"## `{name}`\n```python\n{name}{_signature(documented)}\n```\n{_told(documented)}"
    members = [
        _member(key, value)
        for key, value in vars(documented).items()
        if not key.startswith("_") and inspect.getdoc(value) and _is_member(value)
    ]
    return "\n".join([f"## `{name}`\n{_told(documented)}", "\n".join(members), ""])


def _is_member(value: object) -> bool:
    return inspect.isfunction(value) or hasattr(value, "fget") or hasattr(value, "attrname")


def _member(name: str, value: object) -> str:
    first = " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())
    told = _signature(value, method=True) if inspect.isfunction(value) else ""
    return f"- `{name}{told}`: {_inline(first)}"


def _signature(function: object, *, method: bool = False) -> str:
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", str(inspect.signature(function)))
    text = re.sub(r"\b(?:[a-z]\w*\.)+(?=\w)", "", text)  # modules of types
    text = re.sub(r"ndarray\[tuple\[Any, \.\.\.\], dtype\[\w+\]\]", "ndarray", text)
    return text.replace("(self, ", "(").replace("(self)", "()") if method else text


def _told(documented: object) -> str:
    """Turn numpydoc into Markdown: items into lists, examples into code."""
    first, *parts = SECTION.split(inspect.getdoc(documented) or "")
    text = [_inline(first.strip()), ""]
    for title, body in zip(parts[::2], parts[1::2], strict=True):
        body = body.strip()
        if title == "Examples":
            text += [f"```python\n{body}\n```", ""]
            continue
        items = re.split(r"\n(?=\S)", body)
        text += [f"**{title}**", "", *map(_item, items), ""]
    return "\n".join(text)


def _item(text: str) -> str:
    head, _, said = text.partition("\n")
    name, _, kind = head.partition(" : ")
    told = _inline(" ".join(said.split()))
    return f"- `{name}`{f' ({_inline(kind)})' if kind else ''}{f': {told}' if told else ''}"


def _inline(text: str) -> str:
    return text.replace("``", "`")
