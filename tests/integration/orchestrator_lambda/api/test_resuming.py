"""Readers that come and go, and producers that die."""

import threading
import time
from collections.abc import Callable

import pytest

from orchestrator_lambda.backends.interface import GenerationRequest
from tests.integration.orchestrator_lambda.api.conftest import House
from tests.support.orchestrator_api import Answer, Client, Event
from tests.support.scripted_generation import Step


def text_of(events: list[Event]) -> str:
    """What a reader shows after these events."""
    text = ""
    for event in events:
        if event.kind == "delta":
            text += event.data["text"]
        if event.kind == "reset":
            text = event.data["text"]
    return text


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.01)


def held(gate: threading.Event, *before: str) -> Callable[[GenerationRequest], list[Step]]:
    """A script that says some words, waits at the gate, and then says two more."""
    return lambda request: [*before, gate, "and ", "more."]


def begin(ann: Client, talk: str, words: int) -> tuple[Answer, list[Event]]:
    """Post, and read until so many words have come; the producer goes on."""
    answer = ann.post(talk, "Hello?")
    seen = []
    for event in answer.events():
        seen.append(event)
        if event.kind == "delta" and event.seq == words:
            return answer, seen
    raise AssertionError("the answer ended too soon")


def follow(ann: Client, talk: str, seq: int, after: int = 0) -> Answer:
    return ann.call(
        "GET",
        f"/v1/conversations/{talk}/messages/{seq}/stream",
        headers={"Last-Event-ID": str(after)} if after else None,
    )


def test_a_reader_goes_on_where_it_left(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ", "two ")
    talk = ann.new_conversation()
    answer, seen = begin(ann, talk, 1)
    answer.abandon()

    again = follow(ann, talk, 2, after=1)
    gate.set()
    rest = again.all()

    assert [event.seq for event in rest] == [0, 2, 3, 4, 5]
    assert text_of(seen + rest) == "One two and more."
    assert rest[-1].kind == "done"


def test_a_second_reader_gets_the_whole(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    answer, _ = begin(ann, talk, 1)
    answer.abandon()
    gate.set()

    assert text_of(follow(ann, talk, 2).all()) == "One and more."


def test_an_ended_answer_is_told_again(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    house.sessions.forget_events(talk, 2)

    from_start = follow(ann, talk, 2).all()
    from_middle = follow(ann, talk, 2, after=1).all()
    from_end = follow(ann, talk, 2, after=2).all()

    assert [event.kind for event in from_start] == ["turn", "delta", "done"]
    assert [event.kind for event in from_middle] == ["turn", "reset", "done"]
    assert [event.kind for event in from_end] == ["turn", "done"]
    assert text_of(from_start) == text_of(from_middle) == "Good day."


def test_a_reader_without_redis_follows_the_checkpoints(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    house.sessions.down = True
    answer = ann.post(talk, "Hello?")
    answer.abandon()
    until(lambda: house.history.message(talk, 2).text == "One ")

    reading = follow(ann, talk, 2)
    gate.set()
    events = reading.all()

    assert events[0].data["degraded"] is True
    assert text_of(events) == "One and more."
    assert events[-1].kind == "done"


def test_an_orphan_is_gone_on_with_by_its_reader(house: House) -> None:
    """The Lambda that wrote the answer dies; the reader's next one continues the same text."""
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ", "two ")
    talk = ann.new_conversation()
    dying = Client(ann.application, lifetime_ms=1_200)
    _, seen = begin(dying, talk, 2)
    until(lambda: not house.sessions.locks())
    house.backend.script = lambda request: ["three."]

    rest = follow(ann, talk, 2, after=2).all()

    assert house.backend.requests[-1].continue_final
    assert house.backend.requests[-1].messages[-1].content == "One two "
    assert text_of(seen + rest) == "One two three."
    assert [event.seq for event in rest if event.seq] == [3, 4]
    stored = ann.shown(talk)[1]
    assert (stored["content"], stored["status"]) == ("One two three.", "complete")
    assert stored["receipt"]["takeovers"] == 1


def test_an_orphan_without_redis_is_gone_on_with_from_its_checkpoint(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ", "two ")
    talk = ann.new_conversation()
    house.sessions.down = True
    _, seen = begin(Client(ann.application, lifetime_ms=1_200), talk, 2)
    until(lambda: house.history.message(talk, 2).text == "One two ")
    house.backend.script = lambda request: ["three."]
    time.sleep(1.3)

    rest = follow(ann, talk, 2, after=2).all()

    assert text_of(seen + rest) == "One two three."
    assert rest[1].kind == "reset"
    assert ann.shown(talk)[1]["content"] == "One two three."


def test_a_reader_further_than_anybody_knows_is_told_the_whole_text(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    house.sessions.forget_events(talk, 2)

    events = follow(ann, talk, 2, after=77).all()

    assert [event.kind for event in events] == ["turn", "reset", "done"]


def test_a_zombie_is_refused_and_its_words_are_lost_to_nobody(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    zombie = ann.post(talk, "Hello?")
    zombie.abandon()
    until(lambda: house.history.message(talk, 2).text == "One ")

    house.history.take_over(talk, 2, now_ms=house.services.clock())
    gate.set()
    until(lambda: not house.sessions.locks())

    stored = house.history.message(talk, 2)
    assert stored.status.value == "streaming"
    assert stored.text == "One "
    assert "done" not in [event.kind for event in zombie.seen]


def test_stop_from_another_process_keeps_what_was_said(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    answer, _ = begin(ann, talk, 1)
    answer.abandon()

    stop = house.client().call("POST", f"/v1/conversations/{talk}/messages/2/stop")
    rest = follow(ann, talk, 2, after=1).all()

    assert stop.status == 202
    assert rest[-1].kind == "stopped"
    assert rest[-1].data["answer"]["content"] == "One "
    assert house.backend.generations[-1].closed.is_set()
    again = ann.json("POST", f"/v1/conversations/{talk}/messages/2/stop")
    assert again == {"stopping": False, "status": "stopped"}


def test_stop_while_redis_is_down_goes_through_the_history(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    house.sessions.down = True
    answer = ann.post(talk, "Hello?")
    answer.abandon()

    assert ann.call("POST", f"/v1/conversations/{talk}/messages/2/stop").status == 202
    until(lambda: house.history.message(talk, 2).status.value == "stopped")


def test_redis_dying_and_coming_back_in_mid_turn_loses_nothing(house: House) -> None:
    ann = house.client()
    gates = [threading.Event() for _ in range(3)]
    house.backend.script = lambda r: ["a ", gates[0], "b ", gates[1], "c ", gates[2], "d"]
    talk = ann.new_conversation()
    answer = ann.post(talk, "Hello?")
    events = answer.events()
    seen = [next(events), next(events)]
    house.sessions.down = True
    gates[0].set()
    seen.append(next(events))
    house.sessions.down = False
    gates[1].set()
    seen.append(next(events))
    threading.Thread(target=lambda: seen.extend(events), daemon=True).start()

    late = follow(ann, talk, 2, after=1)
    gates[2].set()
    rest = late.all()

    assert text_of([Event("delta", {"text": "a "}, 1), *rest]) == "a b c d"
    until(lambda: seen[-1].kind == "done")
    assert text_of(seen) == "a b c d"


def test_an_invocation_near_its_end_hands_the_answer_on(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()

    events = Client(ann.application, lifetime_ms=1_000).post(talk, "Hello?").all()

    assert [event.kind for event in events] == ["turn", "delta"]
    assert house.history.message(talk, 2).text == "One "


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
def test_a_strange_last_event_id_counts_as_nothing_seen(house: House, after: str) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()

    path = f"/v1/conversations/{talk}/messages/2/stream"
    events = ann.call("GET", path, headers={"Last-Event-ID": after}).all()

    assert text_of(events) == "Good day."


@pytest.mark.parametrize("redis_down", [True, False])
def test_whoever_goes_on_with_an_answer_asks_for_the_rest_of_its_tokens(
    house: House, redis_down: bool
) -> None:
    """`max_tokens` is of the whole answer, however many processes write it."""
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ", "two ", "three ")
    talk = ann.new_conversation()
    house.sessions.down = redis_down
    dying = Client(ann.application, lifetime_ms=1_200)
    dying.post(talk, "Hello?", max_tokens=10).all()
    until(lambda: house.history.message(talk, 2).text == "One two three ")
    house.backend.script = lambda request: ["four."]

    follow(ann, talk, 2).all()

    assert house.backend.requests[0].sampling["max_tokens"] == 10
    assert house.backend.requests[-1].sampling["max_tokens"] == 7


def test_a_stop_that_only_the_history_knows_of_is_found(house: House) -> None:
    """The reader's process cannot reach Redis, the producer's can."""
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").abandon()
    until(lambda: house.history.message(talk, 2).text == "One ")

    house.history.request_stop(talk, 2)

    until(lambda: house.history.message(talk, 2).status.value == "stopped")
