"""evaluation.json: what was read and asked, how it came out, and the metrics of the gates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from pipelines.evaluation.perplexity import Perplexity
from pipelines.evaluation.trying import SuiteResult

FORMAT = 1


def render(
    target: str, sample: str, perplexity: Perplexity, suites: Sequence[SuiteResult]
) -> dict[str, Any]:
    """The document, as plain data; a number that is none is null, which no gate lets through."""
    return {
        "format": FORMAT,
        "target": target,
        "sample": {
            "digest": sample,
            "tokenizer": perplexity.tokenizer,
            "tokens": perplexity.tokens,
            "bytes": perplexity.bytes,
            "passages": [
                {
                    "name": one.passage,
                    "tokens": one.tokens,
                    "bits_per_byte": finite(one.surprise / math.log(2) / one.bytes),
                }
                for one in perplexity.scores
            ],
        },
        "suites": [_suite(one) for one in suites],
        "metrics": metrics(perplexity, suites),
    }


def metrics(perplexity: Perplexity, suites: Sequence[SuiteResult]) -> dict[str, float | None]:
    """What the gates look at; each suite's share under the suite's own name."""
    return {
        "perplexity": finite(perplexity.perplexity),
        "bits_per_byte": finite(perplexity.bits_per_byte),
        **{f"suite_{one.suite.name}": one.share for one in suites},
    }


def finite(value: float) -> float | None:
    """The number, or None for what JSON has no number for."""
    return value if math.isfinite(value) else None


def _suite(one: SuiteResult) -> dict[str, Any]:
    return {
        "name": one.suite.name,
        "digest": one.suite.digest,
        "prompts": len(one.results),
        "passed": one.passed,
        "results": [
            {
                "prompt": result.prompt,
                "question": result.question,
                "answer": result.answer,
                "passed": result.passed,
                "problems": list(result.problems),
            }
            for result in one.results
        ],
    }
