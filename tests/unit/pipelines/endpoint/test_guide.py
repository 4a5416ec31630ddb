"""The guide says what the code has: settings, alarms, commands."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from pipelines.endpoint.alarms import ERRORS, FIRST_TOKEN, PREEMPTIONS, TRUNCATED, names_of
from pipelines.names import Names
from pipelines.settings import DeploymentSettings

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "deploying.md"


def table(head: str) -> list[str]:
    """The rows below a heading line."""
    rows = GUIDE.read_text(encoding="utf-8").partition(f"{head}\n")[2].splitlines()[1:]
    return rows[: rows.index("")]


def test_every_setting_is_there_with_its_default() -> None:
    rows = []
    for one in dataclasses.fields(DeploymentSettings):
        default = f" `{one.default}`" if one.default != "" else ""
        rows.append(f"| `{one.name}` |{default} | {one.metadata['help']} |")
    assert table("| setting | default | meaning |") == rows


def test_every_alarm_is_there_with_what_it_measures() -> None:
    rows = table("| alarm | rings when | measured by |")
    for row, name, metric in zip(
        rows, names_of(Names()), (ERRORS, FIRST_TOKEN, TRUNCATED, PREEMPTIONS), strict=True
    ):
        assert row.startswith(f"| `{name}` |")
        assert f"`{metric}`" in row
