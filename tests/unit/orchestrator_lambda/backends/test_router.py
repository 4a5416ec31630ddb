"""Several backends as one: who is asked, how often, and what the reader sees of it."""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.backends.breaker import Breaker, BreakerPolicy
from orchestrator_lambda.backends.choosing import Member, in_order
from orchestrator_lambda.backends.failures import (
    AnswerBroken,
    Usage,
    overloaded,
    reason_of,
    unavailable,
)
from orchestrator_lambda.backends.interface import Delta, Item, Receipt, SwitchedBackend
from orchestrator_lambda.backends.routed import RoutingPolicy
from orchestrator_lambda.backends.router import Router
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    ContextLengthExceeded,
    InvalidRequest,
)
from tests.support.scripted_backend import STALL, Script, ScriptedBackend, telling
from tests.unit.orchestrator_lambda.backends.builders import request, texts

ANSWER = "The capital of France is Paris."
WAIT_S = 20.0


def reset() -> AnswerBroken:
    return AnswerBroken("x", reason="reset")


class Time:
    """A clock that waiting moves."""

    def __init__(self) -> None:
        self.now = 50.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, closed: threading.Event, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


class House:
    """A router over scripted backends named a, b, c, on a clock of its own."""

    def __init__(
        self, *scripts: Sequence[Script], weights: Sequence[float] = (), **policy: Any
    ) -> None:
        self.time = Time()
        self.backends = [
            ScriptedBackend(script, name) for script, name in zip(scripts, "abc", strict=False)
        ]
        self.breakers = [
            Breaker(BreakerPolicy(failures=3, open_s=1), self.time.clock) for _ in self.backends
        ]
        members = [
            Member(
                backend=backend, breaker=self.breakers[at], weight=weights[at] if weights else None
            )
            for at, backend in enumerate(self.backends)
        ]
        settings = {"random": lambda: 0.0, "clock": self.time.clock, "wait": self.time.wait}
        self.router = Router(members, policy=RoutingPolicy(**{**settings, **policy}))

    def run(self, **fields: Any) -> list[Item]:
        return list(self.router.generate(request(**fields)))

    def failure(self, **fields: Any) -> tuple[list[Item], Exception]:
        items: list[Item] = []
        try:
            items.extend(self.router.generate(request(**fields)))
        except Exception as error:
            return items, error
        raise AssertionError("no error")

    @property
    def tries(self) -> list[int]:
        return [len(backend.seen) for backend in self.backends]


def receipt_of(items: Sequence[Item]) -> Receipt:
    last = items[-1]
    assert isinstance(last, Receipt)
    return last


# Before the first text


def test_the_first_in_order_answers() -> None:
    house = House([telling(ANSWER)], [telling(ANSWER)])
    items = house.run()
    assert texts(items) == ANSWER
    assert house.tries == [1, 0]
    assert (receipt_of(items).backend, receipt_of(items).attempts) == ("a", 1)
    assert "continuations" not in receipt_of(items).raw


@pytest.mark.parametrize(
    "error", [overloaded(5000), unavailable(), reset(), BackendError("x")], ids=reason_of
)
def test_what_a_backend_does_not_take_spills_to_the_next_at_once(error: Exception) -> None:
    house = House([[error]], [telling(ANSWER)])
    items = house.run()
    assert texts(items) == ANSWER
    assert (receipt_of(items).backend, receipt_of(items).attempts) == ("b", 2)
    assert not house.time.waits
    assert not any(isinstance(item, SwitchedBackend) for item in items), "nothing was seen of a"


def test_a_generation_that_ends_without_a_receipt_is_no_answer() -> None:
    class Mute(ScriptedBackend):
        def generate(self, request: object) -> Any:
            class Nothing:
                def __iter__(self) -> Any:
                    return iter(())

                def close(self) -> None: ...

            return Nothing()

    good = ScriptedBackend([telling(ANSWER)], "good")
    router = Router([Member(backend=Mute(name="mute")), Member(backend=good)])
    assert texts(router.generate(request())) == ANSWER


def test_an_invalid_request_is_tried_once() -> None:
    house = House([[InvalidRequest("no", param="stop")]], [telling(ANSWER)])
    _, error = house.failure()
    assert isinstance(error, InvalidRequest) and error.param == "stop"
    assert house.tries == [1, 0]
    assert house.breakers[0].available_in() == 0


def test_the_only_backend_is_tried_again_after_a_growing_wait() -> None:
    house = House([[reset()], [reset()], telling(ANSWER)], backoff_s=0.1)
    assert receipt_of(house.run()).attempts == 3
    assert house.time.waits == [pytest.approx(0.1), pytest.approx(0.2)]


def test_retry_after_is_waited_for_when_everybody_is_busy() -> None:
    house = House([[overloaded(700)], telling(ANSWER)], [[overloaded(900)]])
    assert receipt_of(house.run()).backend == "a"
    assert house.time.waits == [pytest.approx(0.7)]


def test_jitter_only_ever_adds_to_the_wait() -> None:
    house = House([[overloaded(800)], telling(ANSWER)], random=lambda: 1.0, jitter=0.25)
    house.run()
    assert house.time.waits == [pytest.approx(1.0)]


def test_tries_are_bounded() -> None:
    house = House([[reset()]], [[unavailable()]], attempts=3)
    _, error = house.failure()
    assert reason_of(error) == "reset"
    assert sum(house.tries) == 3


@pytest.mark.parametrize(("deadline_ms", "waits"), [(500, 0), (5000, 1)])
def test_a_wait_beyond_the_deadline_is_not_begun(deadline_ms: int, waits: int) -> None:
    house = House([[overloaded(2000)], telling(ANSWER)])
    if waits:
        house.run(deadline_ms=deadline_ms)
    else:
        _, error = house.failure(deadline_ms=deadline_ms)
        assert isinstance(error, BackendOverloaded) and error.retry_after_ms == 2000
    assert len(house.time.waits) == waits


def test_nobody_waits_longer_than_the_patience() -> None:
    house = House([[overloaded(20_000)]], max_wait_s=10)
    _, error = house.failure()
    assert isinstance(error, BackendOverloaded) and error.retry_after_ms == 20_000
    assert not house.time.waits


def test_each_try_has_what_is_left_of_the_deadline_and_an_id_of_its_own() -> None:
    house = House([[overloaded(400)], telling(ANSWER)])
    house.run(deadline_ms=3000)
    first, second = house.backends[0].seen
    assert (first.deadline_ms, second.deadline_ms) == (3000, 2600)
    assert (first.request_id, second.request_id) == ("q", "q.2")
    assert first.messages == second.messages


def test_an_unknown_error_is_a_bug_and_no_reason_to_try_again() -> None:
    house = House([[ZeroDivisionError()]], [telling(ANSWER)])
    assert isinstance(house.failure()[1], ZeroDivisionError)
    assert house.tries == [1, 0]


# Health


def test_a_backend_that_keeps_failing_is_left_alone_and_tried_again_later() -> None:
    house = House([[unavailable()]] * 3 + [telling(ANSWER)], [telling(ANSWER)])  # type: ignore[operator]
    for _ in range(5):
        house.run()
    assert house.tries == [3, 5]
    house.time.now += 1
    house.run()
    assert house.tries == [4, 5]


def test_busy_backends_are_spared_while_they_asked_for_it() -> None:
    house = House([[overloaded(1000)], telling(ANSWER)], [telling(ANSWER)])
    assert [receipt_of(house.run()).backend for _ in range(3)] == ["b", "b", "b"]
    assert house.tries == [1, 3]
    house.time.now += 1
    assert receipt_of(house.run()).backend == "a"


def test_with_all_breakers_open_it_says_when_to_come_back() -> None:
    house = House([[unavailable()]], attempts=3)
    house.failure()
    assert not house.router.healthy()
    _, error = house.failure(deadline_ms=100)
    assert isinstance(error, BackendUnavailable)
    assert error.retry_after_ms == pytest.approx(1000, abs=1)
    assert house.tries == [3]


def test_a_backend_that_is_not_healthy_is_not_asked() -> None:
    house = House([telling(ANSWER)], [telling(ANSWER)])
    house.backends[0].is_healthy = False
    assert receipt_of(house.run()).backend == "b"
    house.backends[1].is_healthy = False
    assert not house.router.healthy()
    assert isinstance(house.failure()[1], BackendUnavailable)
    assert house.time.now < 50 + 11, "it waits for a while, not for ever"


def test_cancelling_is_not_held_against_a_backend() -> None:
    house = House([["a", STALL]])
    for _ in range(5):
        items = iter(house.router.generate(request()))
        next(items)
        items.close()  # type: ignore[attr-defined]
    assert house.router.healthy()
    assert house.backends[0].closed == 5


# In the middle of an answer


@pytest.mark.parametrize("words", range(1, 6))
def test_the_reader_sees_one_answer_when_a_backend_dies_in_it(words: int) -> None:
    house = House([telling(ANSWER, fail_after=words, error=reset())], [telling(ANSWER)])
    items = house.run(sampling={"max_tokens": 50})
    assert texts(items) == ANSWER
    switches = [item for item in items if isinstance(item, SwitchedBackend)]
    assert switches == [SwitchedBackend("a", "b", "reset")]
    assert texts(items[: items.index(switches[0])]) == " ".join(ANSWER.split(" ")[:words]) + " "


def test_the_rest_is_asked_for_by_going_on_from_the_text() -> None:
    house = House([telling(ANSWER, fail_after=2, error=reset())], [telling(ANSWER)])
    house.run(sampling={"max_tokens": 50, "temperature": 0})
    asked = house.backends[1].seen[0]
    assert asked.continue_final
    assert [message.role for message in asked.messages] == ["user", "assistant"]
    assert asked.messages[-1].content == "The capital "
    assert asked.sampling == {"max_tokens": 48, "temperature": 0}
    assert asked.request_id == "q.2"


def test_a_partial_text_that_was_there_before_is_gone_on_from_too() -> None:
    house = House([["is ", reset()]], [telling("The capital is Paris.")])
    messages = ("Which?", "The capital ")
    items = list(house.router.generate(request(*messages, continue_final=True)))
    assert texts(items) == "is Paris."
    asked = house.backends[1].seen[0]
    assert [message.content for message in asked.messages] == ["Which?", "The capital is "]


def test_the_only_backend_may_go_on_itself() -> None:
    house = House([telling(ANSWER, fail_after=3, error=reset()), telling(ANSWER)])
    items = house.run()
    assert texts(items) == ANSWER
    assert SwitchedBackend("a", "a", "reset") in items


def test_receipts_are_merged_into_one_about_the_whole() -> None:
    house = House([telling(ANSWER, fail_after=2, error=reset())], [telling(ANSWER)])
    receipt = receipt_of(house.run())
    assert (receipt.backend, receipt.attempts) == ("b", 2)
    assert receipt.completion_tokens == 6, "two of them a's"
    assert receipt.prompt_tokens == 6, "the question, without the partial text"
    assert receipt.raw["continuations"] == 1
    assert receipt.raw["parts"][0]["reason"] == "reset"
    assert receipt.raw["parts"][1]["backend"] == "b"
    assert receipt.raw["usage"]["completion_tokens"] == 6
    assert receipt.raw["sha256"] == hashlib.sha256(ANSWER.encode()).hexdigest()


def test_tokens_that_the_container_still_counted_are_taken_as_counted() -> None:
    counted = Usage(prompt_tokens=6, cached_tokens=0, completion_tokens=17)
    cut = AnswerBroken("x", reason="shutdown", usage=counted)
    house = House([telling(ANSWER, fail_after=2, error=cut)], [telling(ANSWER)])
    receipt = receipt_of(house.run(sampling={"max_completion_tokens": 20}))
    assert house.backends[1].seen[0].sampling == {"max_completion_tokens": 3}
    assert receipt.completion_tokens == 17 + 4


def test_an_answer_whose_receipt_alone_was_lost_gets_one() -> None:
    house = House([[ANSWER, AnswerBroken("x", reason="truncated")]], [telling(ANSWER)])
    items = house.run(sampling={"max_tokens": 1})
    assert [type(item) for item in items] == [Delta, SwitchedBackend, Receipt]
    assert texts(items) == ANSWER
    assert house.backends[1].seen[0].sampling == {"max_tokens": 0}


def test_a_busy_backend_is_no_place_to_go_on_but_the_next_is() -> None:
    house = House([["The ", reset()]], [[overloaded(100)]], [telling("The end")])
    items = house.run()
    assert texts(items) == "The end"
    assert [item for item in items if isinstance(item, SwitchedBackend)] == [
        SwitchedBackend("a", "c", "reset")
    ]
    assert receipt_of(items).attempts == 3


def test_several_deaths_are_survived_up_to_a_limit() -> None:
    dying: Script = telling(ANSWER, fail_after=1, error=reset())
    house = House([dying], [dying], continuations=2)
    items, error = house.failure()
    assert reason_of(error) == "reset"
    assert texts(items) == "The capital of "
    assert sum(house.tries) == 3


@pytest.mark.parametrize("reason", ["mismatch", "deadline", "cancelled"])
def test_an_answer_in_doubt_is_not_gone_on_with(reason: str) -> None:
    house = House([["The ", AnswerBroken("x", reason=reason)]], [telling(ANSWER)])
    items, error = house.failure()
    assert (texts(items), reason_of(error)) == ("The ", reason)
    assert house.tries == [1, 0]


def test_a_request_that_grew_too_long_by_its_answer_is_not_the_callers_fault() -> None:
    house = House([["The ", reset()]], [[ContextLengthExceeded("too long")]])
    items, error = house.failure()
    assert texts(items) == "The "
    assert isinstance(error, AnswerBroken)


def test_the_deadline_ends_what_goes_on_from_try_to_try() -> None:
    def slowly(asked: object) -> Sequence[Any]:
        house.time.now += 1
        return ["x ", reset()]

    house = House([slowly], [slowly], continuations=9)
    items, error = house.failure(deadline_ms=2000)
    assert (texts(items), reason_of(error)) == ("x x ", "deadline")
    assert house.tries == [1, 1]


@given(st.lists(st.integers(0, 8), max_size=4), st.integers(0, 3))
def test_whatever_breaks_where_the_text_is_told_once_and_in_order(
    cuts: list[int], busy: int
) -> None:
    scripts: list[Script] = [telling(ANSWER, fail_after=cut, error=reset()) for cut in cuts]
    house = House(
        [*[[overloaded(10)]] * busy, *scripts, telling(ANSWER)], continuations=9, attempts=9
    )
    items = house.run()
    assert texts(items) == ANSWER
    assert [type(item) for item in items].count(Receipt) == 1


# Cancelling


def test_closing_ends_the_try_under_way() -> None:
    backend = ScriptedBackend([["a", STALL]])
    generation = Router([Member(backend=backend)]).generate(request())
    found: list[object] = []
    began = threading.Event()

    def read() -> None:
        try:
            for item in generation:
                found.append(item)
                began.set()
        except AnswerBroken as error:
            found.append(error.reason)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert began.wait(WAIT_S)
    generation.close()
    generation.close()
    thread.join(WAIT_S)
    assert found == [Delta("a"), "cancelled"]
    assert len(backend.seen) == 1


def test_closing_ends_the_wait_for_a_try() -> None:
    backend = ScriptedBackend([[overloaded(5000)]])
    generation = Router([Member(backend=backend)]).generate(request())
    waiting = threading.Timer(0.1, generation.close)
    waiting.start()
    with pytest.raises(AnswerBroken) as ended:
        list(generation)
    assert ended.value.reason == "cancelled"


def test_closed_before_it_was_read_nobody_is_asked() -> None:
    house = House([telling(ANSWER)])
    generation = house.router.generate(request())
    generation.close()
    with pytest.raises(AnswerBroken):
        list(generation)
    assert house.tries == [0]


def test_many_threads_share_a_router() -> None:
    dying: Script = telling(ANSWER, fail_after=2, error=reset())
    backends = [ScriptedBackend([telling(ANSWER), dying, telling(ANSWER)], name) for name in "ab"]
    router = Router([Member(backend=backend) for backend in backends])
    found: list[str] = []

    def read() -> None:
        found.extend(texts(router.generate(request())) for _ in range(20))

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert found == [ANSWER] * 160


# Weights


def test_a_conversation_stays_where_it_is_and_shares_follow_the_weights() -> None:
    members = [
        Member(backend=ScriptedBackend(name=name), weight=weight)
        for name, weight in [("a", 1.0), ("b", 3.0)]
    ]
    firsts = {name: in_order(members, name)[0].name for name in map(str, range(2000))}
    shares = Counter(firsts.values())
    assert 0.7 < shares["b"] / 2000 < 0.8
    assert all(in_order(members, name)[0].name == first for name, first in firsts.items())
    assert all(in_order(members[::-1], name)[0].name == first for name, first in firsts.items())


def test_a_new_backend_takes_conversations_and_moves_no_others() -> None:
    two = [Member(backend=ScriptedBackend(name=name), weight=1.0) for name in "ab"]
    three = [*two, Member(backend=ScriptedBackend(name="c"), weight=1.0)]
    for name in map(str, range(500)):
        before, after = in_order(two, name)[0].name, in_order(three, name)[0].name
        assert after in (before, "c")


def test_by_weight_the_next_choice_takes_over_too() -> None:
    house = House([[unavailable()]], [[unavailable()]], [telling(ANSWER)], weights=[1, 1, 1])
    assert texts(house.run()) == ANSWER


@pytest.mark.parametrize(
    "members",
    [
        [],
        [Member(backend=ScriptedBackend()), Member(backend=ScriptedBackend())],
        [
            Member(backend=ScriptedBackend(name="a"), weight=1.0),
            Member(backend=ScriptedBackend(name="b")),
        ],
    ],
)
def test_a_router_that_makes_no_sense_is_refused(members: list[Member]) -> None:
    with pytest.raises(ValueError, match="backend"):
        Router(members)


# The warm hint


def test_a_hint_goes_where_the_turn_will_go_and_generates_nothing() -> None:
    house = House([telling("")], [telling("")])
    receipt = house.router.warm(request(sampling={"max_tokens": 500, "stop": "x"}))
    assert receipt is not None and receipt.backend == "a"
    assert house.tries == [1, 0]
    assert house.backends[0].seen[0].sampling == {"max_tokens": 0, "temperature": 0}
    assert house.backends[0].seen[0].deadline_ms == 20_000


@pytest.mark.parametrize("error", [overloaded(500), unavailable(), InvalidRequest("x")])
def test_a_hint_that_is_not_taken_is_no_matter(error: Exception) -> None:
    house = House([[error]], [telling("")])
    assert house.router.warm(request()) is None
    assert house.tries == [1, 0]
    house.breakers[0].busy(5)
    assert house.router.warm(request()) is None
    assert house.tries == [1, 0]
