"""Reads the stages from their TOML file: one table for each, `[dev]`, `[dev.edge]` and so on."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from infrastructure.errors import SettingsError
from infrastructure.settings.stage import Stage

SHIPPED = Path(__file__).parents[1] / "stages.toml"

# The numbers and names that stand in documentation; nobody owns them, so nothing is deployed there.
PLACEHOLDERS = ("111122223333", "example.com", "EXAMPLE")


def load(name: str, file: Path | None = None) -> Stage:
    """The stage of that name; a plan file is looked for beside the stages file.

    Raises:
        SettingsError: no such file or stage, an unknown key, or a value that cannot be.
    """
    path = file or SHIPPED
    tables = _tables(path)
    if name not in tables:
        raise SettingsError(f"{path} has no stage {name!r}; it has: {', '.join(tables) or 'none'}")
    values = tables[name]
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: {name} must be a table of settings, [{name}]")
    if "name" in values:
        raise SettingsError(f"stage {name!r}: its name is the table's; take the key 'name' out")
    return _beside(path, _record(Stage, {**values, "name": name}, f"stage {name!r}: "))


def stage_names(file: Path | None = None) -> tuple[str, ...]:
    """The stages that the file has.

    Raises:
        SettingsError: the file cannot be read.
    """
    return tuple(_tables(file or SHIPPED))


def placeholders(stage: Stage) -> tuple[str, ...]:
    """Keys whose values are still those of the documentation, such as `edge.domain`."""
    return tuple(
        path
        for path, value in _texts(dataclasses.asdict(stage), "")
        if any(one in value for one in PLACEHOLDERS)
    )


def _tables(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be used: {error}") from error


def _record(kind: type[Any], values: Mapping[str, Any], where: str) -> Any:
    """A record and the records in it; lists become tuples, unknown keys are refused."""
    hints = get_type_hints(kind)
    known = [one.name for one in dataclasses.fields(kind)]
    made = {}
    for key, value in values.items():
        if key not in known:
            raise SettingsError(f"{where}there is no setting {key!r}; known: {', '.join(known)}")
        if dataclasses.is_dataclass(hints[key]):
            if not isinstance(value, dict):
                raise SettingsError(f"{where}{key} = {value!r} must be a table of settings")
            made[key] = _record(hints[key], value, f"{where}{key}: ")
        else:
            made[key] = tuple(value) if isinstance(value, list) else value
    return kind(**made)


def _beside(path: Path, stage: Stage) -> Stage:
    """The stage with its plan file's place in full."""
    if not stage.model.plan_file:
        return stage
    plan = path.parent / stage.model.plan_file
    if not plan.is_file():
        raise SettingsError(
            f"stage {stage.name!r}: model.plan_file = {stage.model.plan_file!r} is not there; "
            f"`keepwarm plan --json > {plan}` writes it"
        )
    return dataclasses.replace(stage, model=dataclasses.replace(stage.model, plan_file=str(plan)))


def _texts(values: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _texts(value, f"{prefix}{key}.")
        elif isinstance(value, str):
            found.append((prefix + key, value))
    return found
