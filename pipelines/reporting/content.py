"""From a run's documents to its report.

check, plan, evaluation, benchmark, gates -> sections -> report.md, report.html, plot-*.svg
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.documents import BENCHMARK, CHECK, EVALUATION, GATES
from pipelines.errors import DocumentError
from pipelines.gates.limits import GateLimits
from pipelines.gates.rules import rules
from pipelines.plan.document import PlanDocument
from pipelines.reporting.blocks import Bullets, Documents, Report, Section, Table
from pipelines.reporting.cost import Cost, cost_of
from pipelines.reporting.html import html
from pipelines.reporting.markdown import markdown
from pipelines.reporting.quality_section import quality_section
from pipelines.reporting.speed_section import speed_section


def make_report(documents: Documents, plan: PlanDocument) -> Report:
    """The report of a run that was judged.

    Raises:
        DocumentError: a document is missing, or is not what its step writes.
    """
    try:
        return _report(documents, plan)
    except (LookupError, TypeError, ZeroDivisionError) as error:
        raise DocumentError(f"the documents cannot be reported on: {error!r}") from error


def render_report(report: Report) -> dict[str, str]:
    """The files of the report, by name."""
    files = {"report.md": markdown(report), "report.html": html(report)}
    return {**files, **{f"{plot.name}.svg": plot.svg for plot in report.plots}}


def cost_from(documents: Documents, plan: PlanDocument) -> Cost:
    """What a million tokens cost, by plan and benchmark."""
    benchmark = documents[BENCHMARK]
    return cost_of(plan, benchmark["place"], benchmark["metrics"]["tokens_per_s"])


def _report(documents: Documents, plan: PlanDocument) -> Report:
    gates = documents[GATES]
    return Report(
        title=f"{plan.model_name}: is it fit to serve?",
        passed=gates["passed"],
        verdict=_verdict(gates),
        sections=(
            _gates(gates),
            quality_section(documents[EVALUATION]),
            speed_section(documents[BENCHMARK]),
            _plan(plan, cost_from(documents, plan)),
            _artifact(documents[CHECK]),
        ),
    )


def _verdict(gates: Mapping[str, Any]) -> str:
    against = gates["against"]
    beside = f" beside version {against['number']}" if against else ""
    if gates["passed"]:
        return f"Passed all {len(gates['verdicts'])} gates{beside}."
    count = len(gates["reasons"])
    return f"Refused{beside}: {count} of {len(gates['verdicts'])} gates. {gates['reasons'][0]}."


def _gates(gates: Mapping[str, Any]) -> Section:
    units = {rule.metric: rule.unit for rule in rules(GateLimits(), gates["metrics"])}
    rows, bad = [], set()
    for at, one in enumerate(gates["verdicts"]):
        show = units[one["metric"]].show
        shown = ["-" if one[key] is None else show(one[key]) for key in ("value", "limit")]
        before = "-" if one["previous"] is None else show(one["previous"])
        said = "passed" if one["passed"] else "refused"
        rows.append((one["gate"], one["metric"], *shown, before, said))
        if not one["passed"]:
            bad.add(at)
    header = ("gate", "metric", "value", "limit", "version before", "verdict")
    table = Table(header, tuple(rows), frozenset(bad))
    return Section("Gates", (table, Bullets((*gates["reasons"], *gates["notes"]))))


def _plan(plan: PlanDocument, cost: Cost) -> Section:
    limits = plan.limits
    rows = (
        ("instance", plan.instance),
        ("InferenceAmiVersion", plan.ami or "none is set"),
        ("precision", plan.dtype),
        ("context", f"{plan.context} tokens"),
        ("sessions that stay warm", f"{limits.warm_sessions} a copy"),
        ("admission", f"{limits.running} run, {limits.waiting} wait"),
        ("autoscaling target", f"{plan.autoscaling_target} concurrent requests a copy"),
        ("price", _usd(plan.usd_per_hour, "an hour")),
        ("a million output tokens, estimated", _usd(cost.estimated, "(decoding, at its limit)")),
        ("a million output tokens, measured", _usd(cost.measured, "(best level)")),
    )
    table = Table(("plan", ""), rows)
    if cost.measured is not None:
        return Section("Plan and cost", (table,))
    note = "Speed was measured elsewhere: it says nothing of that cost."
    return Section("Plan and cost", (table, note))


def _usd(value: float | None, what: str) -> str:
    return "not known" if value is None else f"{value:.2f} USD {what}"


def _artifact(check: Mapping[str, Any]) -> Section:
    warnings = [one for one in check["findings"] if one["status"] == "warning"]
    lines = [f"{one['check']}: {one['message']}; {one['fix']}" for one in warnings]
    text = f"{check['artifact']}, sha256 {check['sha256']}: accepted, {len(warnings)} warnings."
    return Section("Artifact", (text, *([Bullets(tuple(lines))] if lines else [])))
