"""What a reader must know before believing the tables, one sentence or two each."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.records import PeerFailure, RunRecord
from benchmarks.scenarios import CHAT
from benchmarks.store import Results
from benchmarks.summary import PeerSummary

CUT_MARK = "†"
# Of one core: more than this, kept busy by others, and the numbers are not worth quoting.
_FOREIGN_CORES_TOLERATED = 0.1


def notes(results: Results) -> list[str]:
    """Machine, workload, then what is special about each peer."""
    lines = list(_general_notes(results))
    for one in results.summaries:
        lines.extend(_peer_notes(one))
        lines.extend(_disturbance(one, results.runs_of(one.peer)))
    lines += [_failure(one) for one in results.failures]
    return lines


def _failure(one: PeerFailure) -> str:
    what = f"not run from {one.scenario} on" if one.scenario else "not run"
    return f"{one.peer}: {one.title}, {what}: {one.reason}"


def _general_notes(results: Results) -> Iterator[str]:
    machine = results.machine
    yield (
        f"{machine.cpu}, {machine.cores} cores usable, {machine.memory_gib} GiB, {machine.system}; "
        f"measured {machine.measured_at}, revision {machine.revision or 'unknown'}."
    )
    if machine.busy_cores_before > _FOREIGN_CORES_TOLERATED:
        yield (
            f"The machine was not idle: {machine.busy_cores_before:.2f} cores were busy before the "
            "first peer started."
        )
    chats = tuple(run for run in results.runs if run.scenario == CHAT)
    if chats:
        yield _workload_sentence(chats)


def _workload_sentence(runs: tuple[RunRecord, ...]) -> str:
    size = runs[0].workload
    repeats = max(run.repeat for run in runs) + 1
    return (
        f"{size.sessions} concurrent sessions x {size.turns} turns x {size.new_tokens} new tokens, "
        f"greedy, seed {size.seed}, pause {size.think_seconds:g} s; "
        + ("one run of each peer." if repeats == 1 else f"medians of {repeats} runs of each peer.")
    )


def _peer_notes(one: PeerSummary) -> Iterator[str]:
    yield f"{one.peer}: {one.title}, {one.version}."
    if one.was_cut:
        yield (
            f"{CUT_MARK} {one.peer} was cut by its time limit with {one.turns_complete} of "
            f"{one.turns_asked} turns complete. Its tokens/s are those until then; its latencies "
            "leave out what had not arrived, so they look better than they are."
        )
    if one.errors:
        yield f"{one.peer}: {len(one.errors)} turns failed, the first with: {one.errors[0]}"
    if one.short_answers:
        yield f"{one.peer}: {one.short_answers} answers were shorter than asked for."
    if one.counted_by_client:
        yield f"{one.peer}: sends no usage; its tokens are pieces of text counted by the client."


def _disturbance(one: PeerSummary, runs: list[RunRecord]) -> Iterator[str]:
    """Whether other work on the machine took part in the result."""
    worst = max((run.foreign_cores or 0.0 for run in runs), default=0.0)
    if worst > _FOREIGN_CORES_TOLERATED:
        yield (
            f"{one.peer}: other processes kept {worst:.2f} cores busy during the run; do not quote "
            "its numbers."
        )
