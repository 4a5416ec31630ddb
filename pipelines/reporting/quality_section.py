"""The report's part on quality: the text that was read, the suites that were asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.reporting.blocks import Plot, Section, Table, number
from pipelines.reporting.svg import Bar, bar_chart

SHOWN = 90  # characters of an answer in the table


def quality_section(evaluation: Mapping[str, Any]) -> Section:
    """What evaluation.json says."""
    sample, metrics = evaluation["sample"], evaluation["metrics"]
    intro = (
        f"Perplexity {number(metrics['perplexity'])} over {sample['tokens']} tokens, "
        f"{number(metrics['bits_per_byte'])} bits per byte over {sample['bytes']} bytes "
        "of text and code that was written for this purpose."
    )
    return Section(
        "Quality",
        (intro, _passages(sample), _suites(evaluation["suites"]), *_failures(evaluation["suites"])),
    )


def _passages(sample: Mapping[str, Any]) -> Plot:
    title = "Bits per byte by passage (less is better)"
    bars = [
        Bar(one["name"], one["bits_per_byte"], text=number(one["bits_per_byte"], 2))
        for one in sample["passages"]
        if one["bits_per_byte"] is not None
    ]
    return Plot("plot-passages", title, bar_chart(title, bars))


def _suites(suites: list[dict[str, Any]]) -> Plot:
    title = "Prompts passed, by suite"
    bars = [
        Bar(one["name"], one["passed"] / one["prompts"], text=f"{one['passed']}/{one['prompts']}")
        for one in suites
    ]
    return Plot("plot-suites", title, bar_chart(title, bars, top=1.0))


def _failures(suites: list[dict[str, Any]]) -> list[Table]:
    rows = [
        (suite["name"], one["prompt"], "; ".join(one["problems"]), _cut(one["answer"]))
        for suite in suites
        for one in suite["results"]
        if not one["passed"]
    ]
    return [Table(("suite", "did not pass", "why", "answer"), tuple(rows))] if rows else []


def _cut(answer: str) -> str:
    return answer if len(answer) <= SHOWN else answer[:SHOWN] + " ..."
