"""The settings as Markdown tables, one for each part: what docs/infrastructure.md shows."""

from __future__ import annotations

import dataclasses
from typing import Any, get_type_hints

from infrastructure.settings.stage import Stage


def settings_tables() -> str:
    """A heading and a table for the stage itself and for each of its parts."""
    parts = get_type_hints(Stage)
    own = [
        one for one in dataclasses.fields(Stage) if not dataclasses.is_dataclass(parts[one.name])
    ]
    # The stage's name is the table's own, not a key in it.
    tables = [_table("[STAGE]", own[1:])]
    for name, kind in parts.items():
        if dataclasses.is_dataclass(kind):
            tables.append(_table(f"[STAGE.{name}]", dataclasses.fields(kind)))
    return "\n".join(tables)


def _table(title: str, fields: Any) -> str:
    rows = [f"| `{one.name}` | {_default(one)} | {_meaning(one)} |" for one in fields]
    return "\n".join([f"| `{title}` | default | meaning |", "| --- | --- | --- |", *rows, ""])


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default is dataclasses.MISSING or field.default in ("", ()):
        return ""
    value = field.default
    shown = str(value).lower() if isinstance(value, bool) else value
    return f"`{', '.join(value) if isinstance(value, tuple) else shown}`"


def _meaning(field: dataclasses.Field[Any]) -> str:
    about = field.metadata["about"]
    if choices := field.metadata.get("choices"):
        return f"{about}: {', '.join(str(one) for one in choices)}"
    return str(about)
