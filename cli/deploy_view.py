"""What `keepwarm status` prints: a few lines for each thing, the worst ones in colour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from cli.terminal import printable

if TYPE_CHECKING:
    from rich.table import Table

    from pipelines.endpoint.state import EndpointState
    from pipelines.endpoint.status import ExecutionState, Status

UNWRAPPED = 400  # in a pipe or a log, a row is one line
GOOD, RUNNING, BAD = "green", "yellow", "bold red"
STYLES = {
    "InService": GOOD,
    "OK": GOOD,
    "Succeeded": GOOD,
    "Approved": GOOD,
    "Executing": RUNNING,
    "Updating": RUNNING,
    "Creating": RUNNING,
    "PendingManualApproval": RUNNING,
    "ALARM": BAD,
    "Failed": BAD,
    "CompletedWithFailures": BAD,
    "RollingBack": BAD,
    "UpdateRollbackFailed": BAD,
    "Rejected": BAD,
}
Row = tuple[str, str, str]


def print_status(found: Status) -> None:
    """All of it: what, how it is, and why."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = UNWRAPPED
    console.print(_table(rows(found)))


def rows(found: Status) -> Iterator[Row]:
    """The lines of the table."""
    yield from _endpoint(found.endpoint)
    scaling = found.scaling
    if scaling:
        target = "no policy" if scaling.target is None else f"{scaling.target:g} requests each"
        yield "scaling", f"{scaling.low} to {scaling.high} instances", target
    for version in found.versions:
        yield f"version {version.number}", version.approval, version.why
    for alarm in found.alarms:
        yield f"alarm {alarm.name}", alarm.state, alarm.reason
    if found.execution:
        yield from _execution(found.execution)


def _endpoint(endpoint: EndpointState | None) -> Iterator[Row]:
    if endpoint is None:
        yield "endpoint", "there is none", ""
        return
    serving = f"version {endpoint.version} on {endpoint.instances} instances"
    yield "endpoint", endpoint.status, serving
    if endpoint.pending is not None:
        yield "on its way", f"version {endpoint.pending}", endpoint.stage
    if endpoint.reason:
        yield "last update", "taken back", endpoint.reason


def _execution(execution: ExecutionState) -> Iterator[Row]:
    """The steps that have begun, and while it runs those that are to come."""
    from pipelines.definition.steps import ORDER

    progress = execution.progress
    begun = {step.name for step in progress.steps}
    ahead = [] if progress.ended else [name for name in ORDER if name not in begun]
    done = sum(step.status == "Succeeded" for step in progress.steps)
    what = f"{done} of {len(begun) + len(ahead)} steps are done"
    yield f"pipeline {execution.name}", progress.status, progress.reason or what
    for step in progress.steps:
        yield f"  {step.name}", step.status, step.reason
    for name in ahead:
        yield f"  {name}", "waits", ""


def _table(lines: Iterator[Row]) -> Table:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for name, state, why in lines:
        style = STYLES.get(state, "")
        table.add_row(printable(name), Text(printable(state), style=style), Text(printable(why)))
    return table
