from __future__ import annotations

import pytest

from infrastructure.diagram.page import as_mermaid, with_part
from infrastructure.errors import InfrastructureError

PAGE = "before\n<!-- diagram: generated -->\nold\n<!-- end of diagram -->\nafter\n"


def test_what_stands_between_the_markers_is_replaced() -> None:
    page = with_part(PAGE, "diagram", as_mermaid("flowchart LR\n"))

    assert page == (
        "before\n<!-- diagram: generated -->\n"
        "```mermaid\nflowchart LR\n```\n"
        "<!-- end of diagram -->\nafter\n"
    )


@pytest.mark.parametrize("page", ["nothing", "<!-- diagram: generated -->\nno end"])
def test_a_page_without_the_markers_is_refused(page: str) -> None:
    with pytest.raises(InfrastructureError, match="has no <!-- diagram: generated -->"):
        with_part(page, "diagram", "new")
