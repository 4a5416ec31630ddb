"""What is generated in docs/infrastructure.md: the settings tables and the picture of prod."""

from __future__ import annotations

from pathlib import Path

from infrastructure.errors import InfrastructureError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "infrastructure.md"
DIAGRAM, SETTINGS = "diagram", "settings"


def with_part(page: str, name: str, content: str) -> str:
    """The page with what stands between the markers of that name replaced.

    Raises:
        InfrastructureError: the page lacks the markers.
    """
    begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->\n"
    before, found, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise InfrastructureError(f"the page has no {begin.strip()} ... {end.strip()}")
    return f"{before}{begin}{content}{end}{after}"


def as_mermaid(chart: str) -> str:
    """A chart as GitHub draws it in a page."""
    return f"```mermaid\n{chart}```\n"
