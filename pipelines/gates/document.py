"""gates.json: verdicts, and what the registry keeps so that the next version can be compared."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pipelines.documents import BENCHMARK, EVALUATION
from pipelines.errors import DocumentError
from pipelines.gates.rules import PLACE, SAMPLE, SUITE, TOKENIZER, WORKLOAD
from pipelines.gates.verdict import Judgement, Measured

FORMAT = 1
Document = Mapping[str, Any]


def measured(evaluation: Document, benchmark: Document) -> Measured:
    """A candidate's metrics and properties, out of the two documents.

    Raises:
        DocumentError: one lacks what is needed.
    """
    sample = _part(EVALUATION, evaluation, "sample")
    properties = {
        SAMPLE: _text(EVALUATION, sample, "digest"),
        TOKENIZER: _text(EVALUATION, sample, "tokenizer"),
        PLACE: _text(BENCHMARK, benchmark, PLACE),
        WORKLOAD: _text(BENCHMARK, benchmark, WORKLOAD),
    }
    for suite in evaluation.get("suites") or ():
        properties[SUITE + _text(EVALUATION, suite, "name")] = _text(EVALUATION, suite, "digest")
    metrics = {
        **_part(EVALUATION, evaluation, "metrics"),
        **_part(BENCHMARK, benchmark, "metrics"),
    }
    return Measured(metrics, properties)


def render(judgement: Judgement, candidate: Measured) -> dict[str, Any]:
    """The document, as plain data."""
    against = judgement.against
    return {
        "format": FORMAT,
        "passed": judgement.passed,
        "against": against and {"number": against.number, "name": against.name},
        "reasons": judgement.reasons,
        "notes": list(judgement.notes),
        "verdicts": [dataclasses.asdict(one) for one in judgement.verdicts],
        "metrics": {name: value for name, value in candidate.metrics.items() if value is not None},
        "properties": dict(candidate.properties),
    }


def _part(document: str, content: Document, name: str) -> Document:
    part = content.get(name)
    if not isinstance(part, dict):
        raise DocumentError(f"{document} lacks {name!r}: run the step again")
    return part


def _text(document: str, content: object, name: str) -> str:
    value = content.get(name) if isinstance(content, dict) else None
    if not isinstance(value, str) or not value:
        raise DocumentError(f"{document} lacks the text {name!r}: run the step again")
    return value
