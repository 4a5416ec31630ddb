"""The guide's table of parameters is what the code has."""

from __future__ import annotations

from pathlib import Path

from pipelines.definition.parameters import PARAMETERS, Parameter

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "pipeline.md"


def row(one: Parameter) -> str:
    default = "" if one.default is None else f" `{one.default}`"
    return f"| `{one.name}` |{default} | {one.about} |"


def test_every_parameter_is_in_the_guide_as_it_is() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    table = text.partition("| parameter | default | meaning |\n| --- | --- | --- |\n")[2]
    assert table.partition("\n\n")[0].splitlines() == [row(one) for one in PARAMETERS]
