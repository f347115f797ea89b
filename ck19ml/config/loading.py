"""Read configs from YAML and apply overrides."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from ck19ml.config.data import PrepareConfig, SimulateConfig
from ck19ml.core.settings import Frozen, explain
from ck19ml.core.simulation.parameters import Parameters
from ck19ml.errors import ConfigError
from ck19ml.files.yaml_text import parse_yaml, read_yaml

C = TypeVar("C", bound=Frozen)


def load_config(kind: type[C], path: Path, overrides: Sequence[str] = ()) -> C:
    """Read a YAML config and apply overrides of the form ``key.path=value``.

    Raises
    ------
    ConfigError
        If the file cannot be read, a key is unknown (the message names the nearest known key),
        or a value is out of range.
    """
    try:
        content = read_yaml(path)
    except OSError as error:
        raise ConfigError(
            f"cannot read the config {path}: {error.strerror}; check the path"
        ) from error
    except ValueError as error:
        raise ConfigError(f"{path} is not valid YAML: {error}; correct it") from error
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {type(content).__name__}"
        raise ConfigError(
            f"{path} must hold keys and values, found {found}; see the files in experiments/"
        )
    for override in overrides:
        _apply(content, override)
    return build_config(kind, content, str(path))


def simulate_config(content: dict[str, Any], overrides: Sequence[str]) -> SimulateConfig:
    """Build the config of ``simulate``; overrides name the simulator's parameters."""
    parameters = Parameters().model_dump()
    for override in overrides:
        _apply(parameters, override)
    return build_config(SimulateConfig, content | {"parameters": parameters}, "simulate")


def build_config(kind: type[C], content: dict[str, Any], source: str) -> C:
    """Build a config from its content; `source` names it in errors, see `load_config`."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(kind, error, 'correct it')}") from error


def prepare_config(content: dict[str, Any], quality: str) -> PrepareConfig:
    """Build the config of ``prepare`` from its options; `quality` is a YAML mapping."""
    try:
        thresholds = parse_yaml(quality) or {}
    except ValueError as error:
        raise ConfigError(
            f"--quality is not valid YAML: {error}; write it like {{focus: 0.3}}"
        ) from error
    return build_config(PrepareConfig, content | {"quality": thresholds}, "prepare")


def _apply(content: dict[str, Any], override: str) -> None:
    path, equals, text = override.partition("=")
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise ConfigError(f"an override must be -s key.path=value, found '{override}'; for example "
                          "-s fit.epochs=3")  # fmt: skip
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(
            f"the value in '{override[:80]}' is not valid YAML: {error}; correct it"
        ) from error
    inner = content
    for key in keys[:-1]:
        inner = inner.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"'{key}' holds a value and no keys; check the override '{override}'")
    inner[keys[-1]] = value
