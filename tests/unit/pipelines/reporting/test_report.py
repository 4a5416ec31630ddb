from __future__ import annotations

import re
from html.parser import HTMLParser

from pipelines.gates.limits import GateLimits
from pipelines.judging import judge_run
from tests.support.run_documents import run_documents

VOID = {"meta"}


class _Page(HTMLParser):
    """Tags, and whether each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def files(**changes: float) -> dict[str, str]:
    return judge_run(run_documents(benchmark=dict(changes)), None, GateLimits()).files


def test_the_page_is_whole_and_fetches_nothing() -> None:
    page = files()["report.html"]
    parsed = _Page(page)
    assert parsed.open == []
    assert parsed.tags.count("svg") == 5
    assert "script" not in parsed.tags
    assert not re.search(r"(src|href)=", page)
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_an_answer_of_the_model_cannot_become_markup() -> None:
    made = files()
    assert "<script>x" not in made["report.html"]
    assert "<script>x</script>" in _Page(made["report.html"]).text
    row = next(line for line in made["report.md"].splitlines() if "script" in line)
    assert "no \\| &lt;script>x&lt;/script> 'y'" in row


def test_markdown_names_its_plots_and_every_table_is_even() -> None:
    made = files()
    shown = re.findall(r"!\[[^]]*\]\(([^)]+)\)", made["report.md"])
    assert shown == [
        "plot-passages.svg", "plot-suites.svg", "plot-throughput.svg", "plot-ttft.svg",
        "plot-ttft-by-turn.svg",
    ]  # fmt: skip
    assert set(shown) <= made.keys()
    tables = re.findall(r"(?:^\|.*\n)+", made["report.md"], re.MULTILINE)
    for table in tables:
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(cells) == 1


def test_the_verdict_comes_first() -> None:
    assert "**Passed all 8 gates.**" in files()["report.md"]
    refused = files(ttft_p95_s=11.0)
    assert "**Refused: 1 of 8 gates. TTFT p95 is 11.00 s" in refused["report.md"]
    assert '<tr class="bad">' in refused["report.html"]


def test_what_could_not_be_measured_is_a_dash() -> None:
    documents = run_documents(benchmark={"ttft_p95_s": None})
    text = judge_run(documents, None, GateLimits()).files["report.md"]
    assert "| speed | ttft_p95_s | - | 10.00 s | - | refused |" in text
