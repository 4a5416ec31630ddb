"""`python -m infrastructure.diagram --write`: draw the picture and the tables of the docs anew."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from infrastructure import settings
from infrastructure.diagram.mermaid import chart
from infrastructure.diagram.page import DIAGRAM, PAGE, SETTINGS, as_mermaid, with_part
from infrastructure.errors import InfrastructureError
from infrastructure.settings.table import settings_tables
from infrastructure.synthesis import read, synthesise


def main(arguments: list[str] | None = None) -> int:
    """Print the chart of a stage; with --write put prod's, and the tables, into the docs."""
    parser = argparse.ArgumentParser(prog="python -m infrastructure.diagram", description=__doc__)
    parser.add_argument("--stage", default="prod", choices=settings.stage_names())
    parser.add_argument("--write", action="store_true", help="into docs/infrastructure.md")
    args = parser.parse_args(arguments)
    try:
        drawn = _drawn(args.stage)
        if args.write:
            text = with_part(PAGE.read_text(encoding="utf-8"), DIAGRAM, as_mermaid(drawn))
            PAGE.write_text(with_part(text, SETTINGS, settings_tables()), encoding="utf-8")
        else:
            print(drawn, end="")
    except InfrastructureError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _drawn(name: str) -> str:
    stage = settings.load(name)
    with tempfile.TemporaryDirectory(prefix="keepwarm-edge-") as folder:
        output = Path(folder) / name
        synthesise(stage, output)
        return chart(read(output, stage))


if __name__ == "__main__":
    sys.exit(main())
