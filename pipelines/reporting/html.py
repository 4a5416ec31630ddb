"""The report as one HTML file: no script, nothing fetched, plots inside."""

from __future__ import annotations

from html import escape

from pipelines.reporting.blocks import Block, Bullets, Plot, Report, Section, Table

_BAD = ' class="bad"'
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #333840; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.verdict { padding: .7rem 1rem; border-radius: .4rem; font-weight: 600; }
.passed { background: #e3f1e6; color: #1d5a2b; } .refused { background: #fbe6e1; color: #8a2613; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .8rem 0; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #e3e6e9;
         vertical-align: top; }
tr.bad td { background: #fbe6e1; }
svg { max-width: 100%; height: auto; margin: .6rem 0; }
"""


def html(report: Report) -> str:
    """The whole page."""
    kind = "passed" if report.passed else "refused"
    body = [
        f"<h1>{escape(report.title)}</h1>",
        f'<p class="verdict {kind}">{escape(report.verdict)}</p>',
        *(_section(section) for section in report.sections),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(report.title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _section(section: Section) -> str:
    return "\n".join([f"<h2>{escape(section.title)}</h2>", *map(_block, section.blocks)])


def _block(block: Block) -> str:
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Plot):
        return block.svg
    if isinstance(block, Bullets):
        return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in block.lines) + "</ul>"
    return f"<p>{escape(block)}</p>"


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join(
        f"<tr{_BAD if number in table.bad else ''}>"
        + "".join(f"<td>{escape(cell)}</td>" for cell in row)
        + "</tr>"
        for number, row in enumerate(table.rows)
    )
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
