from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pipelines.speed.load import run_load
from pipelines.speed.records import Outcome, TurnRecord
from pipelines.speed.workload import WorkloadSettings, chat_workload
from pipelines.target.errors import Interrupted, Refused
from pipelines.target.interface import Body
from tests.support.scripted_target import ScriptedTarget, delta, event, receipt, stream_of

ONE_TURN = chat_workload(WorkloadSettings(sessions=1, turns=1, new_tokens=3))


def ask_once(*pieces: bytes) -> TurnRecord:
    (turn,) = run_load(ScriptedTarget(stream=lambda body: pieces), ONE_TURN, time_limit_s=20).turns
    return turn


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_answer_survives_any_cut_of_its_bytes(size: int) -> None:
    whole = b"".join(stream_of("Grüße ", "🌱", " end", cached=64))
    turn = ask_once(*(whole[at : at + size] for at in range(0, len(whole), size)))
    assert turn.outcome is Outcome.COMPLETE
    assert turn.text == "Grüße 🌱 end"
    assert (turn.output_tokens, turn.prompt_tokens, turn.cached_tokens) == (3, 100, 64)


def test_a_stream_without_its_receipt_is_truncated_whatever_its_finish_reason_says() -> None:
    turn = ask_once(delta("a"), delta("", "stop"), event("[DONE]"))
    assert turn.outcome is Outcome.TRUNCATED
    assert "without its receipt" in (turn.error or "")


def test_a_receipt_of_another_text_is_a_truncated_stream() -> None:
    turn = ask_once(delta("a"), delta("", "stop"), receipt("ab"), event("[DONE]"))
    assert turn.outcome is Outcome.TRUNCATED
    assert "another text" in (turn.error or "")


def test_a_stream_that_just_stops_is_truncated() -> None:
    assert ask_once(delta("a")).outcome is Outcome.TRUNCATED


def test_a_stream_that_breaks_off_is_truncated_and_keeps_what_came() -> None:
    def stream(body: Body) -> Iterator[bytes]:
        yield delta("a")
        raise Interrupted("it hung up")

    (turn,) = run_load(ScriptedTarget(stream=stream), ONE_TURN, time_limit_s=20).turns
    assert (turn.outcome, turn.text, turn.error) == (Outcome.TRUNCATED, "a", "it hung up")


def test_a_refusal_is_an_error_with_the_servers_words() -> None:
    def stream(body: Body) -> Iterator[bytes]:
        raise Refused(429, "the queue is full")
        yield b""

    workload = chat_workload(WorkloadSettings(sessions=2, turns=3))
    turns = run_load(ScriptedTarget(stream=stream), workload, time_limit_s=20).turns
    assert [(turn.session, turn.turn) for turn in turns] == [(0, 0), (1, 0)]
    assert {turn.error for turn in turns} == {"HTTP 429: the queue is full"}


def test_an_error_event_fails_the_turn() -> None:
    turn = ask_once(delta("a"), event({"error": {"message": "the engine died"}}))
    assert turn.outcome is Outcome.ERROR
    assert "the engine died" in (turn.error or "")


def test_all_sessions_are_under_way_at_once_and_send_their_history() -> None:
    together = threading.Barrier(8, timeout=10)

    def stream(body: Body) -> list[bytes]:
        together.wait()
        return stream_of("an", "swer")

    target = ScriptedTarget(stream=stream)
    workload = chat_workload(WorkloadSettings(sessions=8, turns=2, new_tokens=2))
    turns = run_load(target, workload, time_limit_s=20).turns
    assert {turn.outcome for turn in turns} == {Outcome.COMPLETE}
    second = [body for body in target.asked if len(body["messages"]) == 4]
    assert len(second) == 8
    assert {body["messages"][2]["content"] for body in second} == {"answer"}
    assert all(body["ignore_eos"] and body["stream"] for body in target.asked)


def test_the_time_limit_cuts_what_is_under_way_and_sends_nothing_more() -> None:
    stopped = threading.Event()

    def stream(body: Body) -> Iterator[bytes]:
        try:
            for _ in range(1000):
                yield delta("x")
                stopped.wait(0.01)
        finally:
            stopped.set()

    workload = chat_workload(WorkloadSettings(sessions=1, turns=2))
    (turn,) = run_load(ScriptedTarget(stream=stream), workload, time_limit_s=0.1).turns
    assert turn.outcome is Outcome.CUT
    assert stopped.is_set()  # it hung up


def test_an_observer_hears_every_piece_and_every_end() -> None:
    class Counter:
        tokens = turns = 0

        def tokens_arrived(self, count: int) -> None:
            self.tokens += count

        def turn_ended(self) -> None:
            self.turns += 1

    counter = Counter()
    target = ScriptedTarget(stream=lambda body: stream_of("a", "b"))
    workload = chat_workload(WorkloadSettings(sessions=4, turns=2, new_tokens=2))
    run_load(target, workload, time_limit_s=20, observer=counter)
    assert (counter.tokens, counter.turns) == (16, 8)
