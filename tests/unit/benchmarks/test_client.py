from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import pytest

from benchmarks.client import ServerTarget, measure
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.workload import WorkloadSettings, chat_workload
from tests.unit.benchmarks.scripted_server import (
    Pause,
    Reply,
    Script,
    answer,
    cut_every,
    delta,
    event,
    serving,
)

ONE_TURN = chat_workload(WorkloadSettings(sessions=1, turns=1, new_tokens=3))


def ask_once(reply: Reply, **target: Any) -> TurnRecord:
    """The record of a single turn that the server answers with `reply`."""
    with serving(lambda body: reply) as server:
        address = ServerTarget(url=server.url, model="m", **target)
        (turn,) = measure(address, ONE_TURN, time_limit_s=20.0).turns
    return turn


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
def test_text_and_counts_survive_any_cut_of_the_bytes(size: int) -> None:
    pieces = cut_every(answer("Grüße ", "🌱 ", "\u2028 end", cached=64), size)
    turn = ask_once(Reply(pieces))
    assert turn.outcome is Outcome.COMPLETE
    assert turn.text == "Grüße 🌱 \u2028 end"
    assert (turn.output_tokens, turn.prompt_tokens, turn.cached_tokens) == (3, 100, 64)
    assert turn.counted_by_server
    assert len(turn.event_times_s) == 3


def test_times_are_those_of_the_text_not_of_the_opening_event() -> None:
    opening, first, second, third, *closing = answer("a", "b", "c")
    reply = Reply([opening, Pause(0.2), first, Pause(0.1), second, third, *closing])
    turn = ask_once(reply)
    assert turn.ttft_s is not None
    assert 0.2 <= turn.ttft_s < 2.0
    assert 0.1 <= turn.gaps_s[0] < 2.0
    assert turn.event_times_s == tuple(sorted(turn.event_times_s))
    assert turn.finished_s >= turn.event_times_s[-1]


def test_without_usage_pieces_are_counted_and_nothing_is_said_of_the_cache() -> None:
    turn = ask_once(Reply([delta("a"), delta("b"), delta("", "length")]))
    assert turn.outcome is Outcome.COMPLETE
    assert (turn.output_tokens, turn.counted_by_server) == (2, False)
    assert (turn.prompt_tokens, turn.cached_tokens) == (None, None)


def test_nonsense_in_usage_is_no_usage() -> None:
    nonsense = event({"choices": [], "usage": {"completion_tokens": "3", "prompt_tokens": -1}})
    turn = ask_once(Reply([delta("a", "length"), nonsense]))
    assert (turn.output_tokens, turn.counted_by_server, turn.prompt_tokens) == (1, False, None)


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (Reply([delta("a"), event({"error": {"message": "engine died"}})]), "engine died"),
        (Reply([delta("a")]), "without a finish reason"),
        (Reply([delta("a")], breaks_off=True), "RemoteProtocolError"),
        (Reply([delta("a"), event("{half")]), "not JSON"),
        (Reply([event({"choices": ["text"]})]), "choice"),
        (Reply([b'{"error": {"message": "queue full"}}'], status=429), "HTTP 429: queue full"),
        (Reply([b'{"detail": "Unexpected fields"}'], status=422), "HTTP 422: Unexpected"),
        (Reply([b"<html>"], status=502), "HTTP 502"),
    ],
)
def test_a_failed_answer_is_a_record_with_its_reason(reply: Reply, sentence: str) -> None:
    turn = ask_once(reply)
    assert turn.outcome is Outcome.ERROR
    assert sentence in (turn.error or "")


def test_a_silent_server_fails_after_the_stall_timeout() -> None:
    turn = ask_once(Reply([delta("a"), Pause(1.0)]), stall_timeout_s=0.2)
    assert turn.outcome is Outcome.ERROR
    assert "ReadTimeout" in (turn.error or "")
    assert turn.text == "a"


def test_a_server_that_is_not_there_fails_every_session_at_its_first_turn() -> None:
    workload = chat_workload(WorkloadSettings(sessions=2, turns=3))
    target = ServerTarget(url="http://127.0.0.1:9", model="m")
    turns = measure(target, workload, time_limit_s=20.0).turns
    assert [(turn.session, turn.turn) for turn in turns] == [(0, 0), (1, 0)]
    assert {turn.outcome for turn in turns} == {Outcome.ERROR}


def test_each_turn_sends_the_whole_history_with_the_servers_own_answers() -> None:
    def script(body: dict[str, Any]) -> Reply:
        return Reply(answer(f"{len(body['messages'])} messages"))

    workload = chat_workload(WorkloadSettings(sessions=1, turns=3, new_tokens=5))
    with serving(script) as server:
        measure(ServerTarget(url=server.url, model="m"), workload, time_limit_s=20.0)
    last = server.requests[-1]
    assert [message["role"] for message in last["messages"]] == [
        *("system", "user", "assistant", "user", "assistant", "user")
    ]
    assert last["messages"][2]["content"] == "2 messages"
    assert last["messages"][4]["content"] == "4 messages"
    assert (last["model"], last["max_tokens"], last["temperature"]) == ("m", 5, 0.0)
    assert last["ignore_eos"] is True
    assert last["stream"] is True


def test_a_server_without_ignore_eos_is_not_sent_it() -> None:
    with serving(lambda body: Reply(answer("a"))) as server:
        target = ServerTarget(url=server.url, model="m", ignore_eos=False)
        measure(target, ONE_TURN, time_limit_s=20.0)
    assert "ignore_eos" not in server.requests[0]


def test_all_sessions_are_under_way_at_once() -> None:
    sessions = 16
    together = threading.Barrier(sessions, timeout=10.0)  # breaks unless all of them arrive

    def script(body: dict[str, Any]) -> Reply:
        together.wait()
        return Reply(answer("a"))

    workload = chat_workload(WorkloadSettings(sessions=sessions, turns=2, new_tokens=1))
    with serving(script) as server:
        target = ServerTarget(url=server.url, model="m")
        result = measure(target, workload, time_limit_s=20.0)
    assert len(result.turns) == 32
    assert {turn.outcome for turn in result.turns} == {Outcome.COMPLETE}
    assert result.wall_s == max(turn.finished_s for turn in result.turns)


def test_the_time_limit_cuts_what_is_under_way_and_keeps_what_came() -> None:
    def script(body: dict[str, Any]) -> Reply:
        if len(body["messages"]) == 2:
            return Reply(answer("a", "b"))
        return Reply([delta("c"), Pause(3.0), *answer("d")])

    workload = chat_workload(WorkloadSettings(sessions=2, turns=2, new_tokens=2))
    began = time.monotonic()
    with serving(script) as server:
        target = ServerTarget(url=server.url, model="m")
        turns = measure(target, workload, time_limit_s=1.0).turns
        assert time.monotonic() - began < 2.5
    assert [turn.outcome for turn in turns] == [Outcome.COMPLETE, Outcome.CUT] * 2
    assert [turn.text for turn in turns] == ["ab", "c"] * 2
    assert turns[1].output_tokens == 1


def test_users_who_think_ask_later() -> None:
    script: Script = lambda body: Reply(answer("a"))  # noqa: E731 - a one-line script
    workload = chat_workload(WorkloadSettings(sessions=1, turns=2, think_seconds=0.3))
    with serving(script) as server:
        target = ServerTarget(url=server.url, model="m")
        first, second = measure(target, workload, time_limit_s=20.0).turns
    assert second.sent_s - first.finished_s >= 0.3


def test_a_late_session_asks_once_every_other_answer_has_begun() -> None:
    asked: list[str] = []

    def reply(body: dict[str, Any]) -> Reply:
        asked.append(body["messages"][-1]["content"])
        opening, *rest = answer("a", "b", "c")
        return Reply([opening, Pause(0.2), *rest])

    size = WorkloadSettings(sessions=3, turns=1, new_tokens=3)
    first, *others = chat_workload(size).scripts
    late = dataclasses.replace(first, late=True)
    workload = dataclasses.replace(chat_workload(size), scripts=(late, *others))
    with serving(reply) as server:
        result = measure(ServerTarget(url=server.url, model="m"), workload, time_limit_s=20.0)
    turns = {turn.session: turn for turn in result.turns}
    assert asked[-1] == late.questions[0]
    assert turns[0].sent_s >= max(turns[it].event_times_s[0] for it in (1, 2))
    assert all(turn.outcome is Outcome.COMPLETE for turn in turns.values())


def test_a_late_session_does_not_wait_for_those_that_failed() -> None:
    def reply(body: dict[str, Any]) -> Reply:
        is_late = body["messages"][-1]["content"] == late.questions[0]
        return Reply(answer("a") if is_late else [], status=200 if is_late else 500)

    size = WorkloadSettings(sessions=2, turns=1, new_tokens=3)
    other, last = chat_workload(size).scripts
    late = dataclasses.replace(last, late=True)
    workload = dataclasses.replace(chat_workload(size), scripts=(other, late))
    with serving(reply) as server:
        result = measure(ServerTarget(url=server.url, model="m"), workload, time_limit_s=20.0)
    assert [turn.outcome for turn in result.turns] == [Outcome.ERROR, Outcome.COMPLETE]
