"""The judgement of a run: its documents and the version before -> gates.json, card, report.

The same in a Lambda function over S3 and on a laptop over folders; imports nothing but itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pipelines.documents import BENCHMARK, CHECK, EVALUATION, GATES, PLAN
from pipelines.errors import DocumentError, SettingsError
from pipelines.gates import document
from pipelines.gates.limits import GateLimits
from pipelines.gates.verdict import Measured, Previous, judge
from pipelines.plan.document import parse
from pipelines.registry.candidate import CARD
from pipelines.registry.interface import Registry, Version, latest_approved
from pipelines.reporting.blocks import Documents
from pipelines.reporting.card import make_card
from pipelines.reporting.content import make_report, render_report

NEEDED = (CHECK, PLAN, EVALUATION, BENCHMARK)
LATEST, NONE = "latest", "none"
INDEX = "report.html"


@dataclass(frozen=True)
class Judged:
    """The outcome.

    Attributes:
        gates: what gates.json holds.
        card: what card.json holds.
        files: every file by its name, both of them among them.
    """

    gates: dict[str, Any]
    card: dict[str, Any]
    files: dict[str, str]

    @property
    def passed(self) -> bool:
        """Whether the candidate may be registered."""
        return bool(self.gates["passed"])


def judge_run(documents: Documents, previous: Previous | None, limits: GateLimits) -> Judged:
    """Judge a run by what its steps wrote.

    Raises:
        DocumentError: a document is missing or is not what its step writes.
        PlanError: the plan cannot be used.
    """
    for name in NEEDED:
        if name not in documents:
            raise DocumentError(f"{name} is missing: run its step first")
    candidate = document.measured(documents[EVALUATION], documents[BENCHMARK])
    plan = parse(json.dumps(documents[PLAN]))
    gates = document.render(judge(candidate, previous, limits), candidate)
    judged = {**documents, GATES: gates}
    report, card = make_report(judged, plan), make_card(judged, plan)
    files = {
        name: json.dumps(content, indent=2) + "\n"
        for name, content in ((GATES, gates), (CARD, card))
    }
    return Judged(gates, card, {**files, **render_report(report)})


def find_previous(registry: Registry, against: str) -> Previous | None:
    """The version to compare with: `latest` (approved), `none`, or a number, approved or not.

    Raises:
        SettingsError: it is none of these.
        RegistryError: there is no such version.
    """
    if against == NONE:
        return None
    if against == LATEST:
        version = latest_approved(registry)
        return None if version is None else _previous(version)
    if not against.isdecimal() or int(against) < 1:
        raise SettingsError(
            f"a version to compare with is {LATEST}, {NONE} or a number, got {against!r}"
        )
    return _previous(registry.get(int(against)))


def _previous(version: Version) -> Previous:
    candidate = version.candidate
    measured = Measured(dict(candidate.metrics), dict(candidate.properties))
    return Previous(version.number, version.name, measured)
