"""What docs/infrastructure.md shows is what is synthesised."""

from __future__ import annotations

from infrastructure.diagram.mermaid import chart
from infrastructure.diagram.page import DIAGRAM, PAGE, SETTINGS, as_mermaid, with_part
from infrastructure.settings.table import settings_tables
from tests.support.edge import Edges

AGAIN = "python -m infrastructure.diagram --write"


def test_the_diagram_is_drawn_from_the_templates_of_prod(edges: Edges) -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_part(page, DIAGRAM, as_mermaid(chart(edges("prod").assembly))) == page, AGAIN


def test_the_settings_tables_are_those_of_the_records() -> None:
    page = PAGE.read_text(encoding="utf-8")

    assert with_part(page, SETTINGS, settings_tables()) == page, AGAIN
