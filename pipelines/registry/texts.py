"""A candidate as the short texts that SageMaker's registry keeps, and back.

    metrics.ttft_p95_s = 0.4  <->  {"metric.ttft_p95_s": "0.4"}

There may be fifty, of a limited alphabet: what is longer or larger lies in S3.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict

from pipelines.errors import RegistryError
from pipelines.registry.interface import Candidate

MOST = 50
LONGEST_KEY, LONGEST = 128, 256
METRIC = "metric."
_UNFIT = re.compile(r"[^\w\s.:/=+\-@]")


def identity(candidate: Candidate) -> str:
    """The candidate's own name: the same for the same content, whether approved or not."""
    content = {**asdict(candidate), "approval": ""}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def properties_of(candidate: Candidate, own: Mapping[str, str]) -> dict[str, str]:
    """All texts of a candidate; `own` are the registry's, which always fit.

    Raises:
        RegistryError: they are more than SageMaker takes.
    """
    metrics = {METRIC + name: repr(float(value)) for name, value in candidate.metrics.items()}
    given = {**candidate.properties, **metrics}
    texts = {fit(key, LONGEST_KEY): fit(value) for key, value in given.items() if value}
    if len(texts) + len(own) > MOST:
        raise RegistryError(
            f"a version has at most {MOST - len(own)} metrics and properties, not {len(texts)}"
        )
    return {**texts, **own}


def split(texts: Mapping[str, str], own: frozenset[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Metrics and properties out of a version's texts, without the registry's own."""
    metrics: dict[str, float] = {}
    properties: dict[str, str] = {}
    for key, text in texts.items():
        if key.startswith(METRIC):
            metrics[key.removeprefix(METRIC)] = float(text)
        elif key not in own:
            properties[key] = text
    return metrics, properties


def fit(text: str, longest: int = LONGEST) -> str:
    """A text as SageMaker takes it: other characters become `_`, the rest is cut."""
    return _UNFIT.sub("_", text)[:longest]
