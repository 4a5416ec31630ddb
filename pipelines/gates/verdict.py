"""The judgement: every metric held against its limits, each verdict a sentence with its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pipelines.gates.limits import GateLimits
from pipelines.gates.rules import SUITE, Rule, incomparable, rules

Metrics = Mapping[str, float | None]


@dataclass(frozen=True)
class Verdict:
    """One metric against one limit.

    Attributes:
        gate: `quality` or `speed`.
        value: None: it was not measured, or is not a number.
        limit: None: it could not be compared for want of a value.
        previous: the value of the version before, where the limit follows from that.
        sentence: all of it, for people.
    """

    gate: str
    metric: str
    passed: bool
    value: float | None
    limit: float | None
    previous: float | None
    sentence: str


@dataclass(frozen=True)
class Measured:
    """What is known of a version: metrics, and the properties that make them comparable."""

    metrics: Metrics
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Previous:
    """The version that a candidate is held against."""

    number: int
    name: str
    measured: Measured


@dataclass(frozen=True)
class Judgement:
    """All verdicts; `notes` say what was not compared and why."""

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    against: Previous | None

    @property
    def passed(self) -> bool:
        """Whether nothing refuses."""
        return not self.reasons

    @property
    def reasons(self) -> list[str]:
        """The sentences of what refuses."""
        return [one.sentence for one in self.verdicts if not one.passed]


def judge(candidate: Measured, previous: Previous | None, limits: GateLimits) -> Judgement:
    """Hold a candidate against the limits, and against the version before where there is one."""
    notes: list[str] = []
    if previous is None:
        notes.append("there is no earlier version to compare with: the absolute limits alone count")
    verdicts: list[Verdict] = []
    for rule in rules(limits, candidate.metrics):
        value = _known(candidate.metrics.get(rule.metric))
        if value is None:
            verdicts.append(_missing(rule))
            continue
        verdicts += _absolute(rule, value)
        if previous is not None:
            verdicts += _relative(rule, value, candidate, previous, notes)
    if previous is not None:
        notes += _unasked(candidate, previous)
    return Judgement(tuple(verdicts), tuple(notes), previous)


def _absolute(rule: Rule, value: float) -> Iterator[Verdict]:
    if rule.limit is not None:
        yield _verdict(rule, value, rule.limit, None, "")


def _relative(
    rule: Rule, value: float, candidate: Measured, previous: Previous, notes: list[str]
) -> Iterator[Verdict]:
    """The comparison; or a note why there is none."""
    if rule.growth is None:
        return
    before = _known(previous.measured.metrics.get(rule.metric))
    why = incomparable(rule, candidate.properties, previous.measured.properties)
    if before is None:
        why = "it has none"
    if before is None or why:
        notes.append(f"{rule.label} is not compared with version {previous.number}: {why}")
        return
    told = f" (version {previous.number} has {rule.unit.show(before)})"
    yield _verdict(rule, value, rule.allowed_after(before), before, told)


def _unasked(candidate: Measured, previous: Previous) -> list[str]:
    """Suites that the version before had to pass and this one was not asked."""
    return [
        f"version {previous.number} was asked suite {name.removeprefix(SUITE)}, this one was not"
        for name in previous.measured.metrics
        if name.startswith(SUITE) and name not in candidate.metrics
    ]


def _verdict(rule: Rule, value: float, limit: float, previous: float | None, told: str) -> Verdict:
    passed = rule.holds(value, limit)
    bound = "at least" if rule.high else "at most"
    show = rule.unit.show
    sentence = (
        f"{rule.label} is {show(value)}, {bound} {show(limit)} is "
        f"{'allowed' if not rule.high else 'asked for'}{told}"
    )
    return Verdict(rule.gate, rule.metric, passed, value, limit, previous, sentence)


def _missing(rule: Rule) -> Verdict:
    sentence = f"{rule.label} was not measured or is not a number: nothing speaks for this version"
    return Verdict(rule.gate, rule.metric, False, None, rule.limit, None, sentence)


def _known(value: float | None) -> float | None:
    """The number, or None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
