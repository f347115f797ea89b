"""What the docstrings of the numeric functions say is what they take, give and raise."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.places import ROOT

CORE = ROOT / "ck19ml" / "core"
ARRAYS = re.compile(r"\b(NDArray|ArrayLike|Floats|Flags)\b")
SHAPE = re.compile(r"\([^()]*,[^()]*\)|any (other )?shape")
"""As in (n, height, width) or (n,)."""


def public(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Functions of a file, and methods of its classes, that others may call."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in inner:
            if isinstance(each, ast.FunctionDef) and not each.name.startswith("_"):
                yield f"{path.stem}.{each.name}", each


FUNCTIONS = {name: node for path in sorted(CORE.rglob("*.py")) for name, node in public(path)}


def docstring(function: ast.FunctionDef) -> str:
    return ast.get_docstring(function) or ""


def arguments(function: ast.FunctionDef) -> dict[str, str]:
    """Names of what a function takes, with their types."""
    every = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return {each.arg: ast.unparse(each.annotation) for each in every if each.annotation}


def documented(docstring: str) -> list[str]:
    """Names below 'Parameters', in their order."""
    found = re.search(r"Parameters\n-{10}\n(.*?)(?:\n\n\w+\n-+|\Z)", docstring, re.DOTALL)
    lines = [] if found is None else re.findall(r"^(\w[^:\n]*) :", found[1], re.MULTILINE)
    return [name.strip() for line in lines for name in line.split(",")]


def raised(function: ast.FunctionDef) -> set[str]:
    """Names of the errors that stand in a function's own raise statements."""
    calls = [node.exc for node in ast.walk(function) if isinstance(node, ast.Raise)]
    names = [call.func for call in calls if isinstance(call, ast.Call)]
    return {name.id for name in names if isinstance(name, ast.Name)}


def test_the_checks_look_where_the_code_is() -> None:
    assert len(FUNCTIONS) > 100
    assert sum(bool(documented(docstring(each))) for each in FUNCTIONS.values()) > 50
    assert sum(bool(raised(each)) for each in FUNCTIONS.values()) > 5


def test_what_is_documented_is_taken_and_in_this_order() -> None:
    for name, function in FUNCTIONS.items():
        said = documented(docstring(function))
        assert said == [each for each in arguments(function) if each in said], name


def test_a_function_of_arrays_says_a_shape() -> None:
    for name, function in FUNCTIONS.items():
        types = [*arguments(function).values(), ast.unparse(function.returns or ast.Constant(None))]
        if any(ARRAYS.search(each) for each in types):
            assert SHAPE.search(docstring(function)), name


def test_an_error_that_is_raised_is_documented() -> None:
    for name, function in FUNCTIONS.items():
        for error in raised(function):
            assert re.search(rf"\b{error}\b", docstring(function)), name
