"""Runs the checks on a folder and says how each came out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.model.check import CheckOptions, check
from pipelines.model.report import Report
from pipelines.model.sources import local_source


def report_on(path: Path, **options: Any) -> Report:
    """The report without asking the engine, unless `engine=True`."""
    return check(local_source(path), CheckOptions(**({"engine": False} | options)))[0]


def findings(report: Report, check_name: str) -> list[tuple[str, str]]:
    """Status and message of every finding of one check."""
    return [(str(one.status), one.message) for one in report.findings if one.check == check_name]


def worst(report: Report, check_name: str) -> str:
    """How one check came out."""
    order = ["ok", "skipped", "warning", "failed"]
    return max((status for status, _ in findings(report, check_name)), key=order.index)
