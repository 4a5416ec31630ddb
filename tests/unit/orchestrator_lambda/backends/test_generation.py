"""A generation over a stream: its end, its cancellation, its deadline."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from orchestrator_lambda.backends.failures import AnswerBroken, unavailable
from orchestrator_lambda.backends.generation import StreamGeneration
from orchestrator_lambda.backends.interface import Delta, Receipt
from orchestrator_lambda.errors import BackendUnavailable
from tests.unit.orchestrator_lambda.backends.builders import FakeStream, delta, stream, texts

WAIT_S = 20.0


class HeldStream(FakeStream):
    """Gives its pieces, then waits until it is interrupted, and breaks."""

    def __init__(self, *pieces: bytes) -> None:
        super().__init__(pieces)
        self.waiting = threading.Event()
        self._released = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        yield from super().__iter__()
        self.waiting.set()
        if not self._released.wait(WAIT_S):
            raise AssertionError("nobody interrupted the stream")
        raise ValueError("read of closed file")  # what libraries raise then is anybody's guess

    def interrupt(self) -> None:
        super().interrupt()
        self._released.set()


def run(generation: StreamGeneration) -> tuple[list[object], BaseException | None]:
    """Items and failure of a whole iteration."""
    items: list[object] = []
    try:
        items.extend(generation)
    except Exception as error:
        return items, error
    return items, None


def in_thread(generation: StreamGeneration) -> tuple[threading.Thread, list[object]]:
    found: list[object] = []

    def read() -> None:
        try:
            for item in generation:
                found.append(item)
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread, found


def test_items_come_and_the_stream_is_closed() -> None:
    source = FakeStream(stream("Hel", "lo"))
    items, error = run(StreamGeneration("b", lambda: source))
    assert error is None
    assert (texts(items), type(items[-1])) == ("Hello", Receipt)
    assert source.closed and not source.interrupted


def test_a_request_is_sent_only_when_somebody_reads() -> None:
    opened: list[int] = []

    def open_stream() -> FakeStream:
        opened.append(1)
        return FakeStream(stream("a"))

    generation = StreamGeneration("b", open_stream)
    assert not opened
    list(generation)
    assert opened == [1]
    with pytest.raises(RuntimeError, match="once"):
        iter(generation)


def test_what_opening_raises_reaches_the_reader() -> None:
    def refuse() -> FakeStream:
        raise unavailable()

    assert isinstance(run(StreamGeneration("b", refuse))[1], BackendUnavailable)


def test_a_bug_is_not_hidden() -> None:
    source = FakeStream([delta("a"), ZeroDivisionError()])
    assert isinstance(run(StreamGeneration("b", lambda: source))[1], ZeroDivisionError)
    assert source.closed


def test_a_connection_that_breaks_after_the_receipt_does_not_matter() -> None:
    source = FakeStream([*stream("a"), AnswerBroken("x", reason="reset")])
    items, error = run(StreamGeneration("b", lambda: source))
    assert error is None and isinstance(items[-1], Receipt)


def test_a_stream_that_does_not_end_after_its_receipt_is_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestrator_lambda.backends.generation.REST_S", 0.05)
    source = HeldStream(*stream("a"))
    items, error = run(StreamGeneration("b", lambda: source))
    assert error is None and isinstance(items[-1], Receipt)
    assert source.interrupted and source.closed


def test_closing_from_another_thread_ends_a_read_that_waits() -> None:
    source = HeldStream(delta("a"))
    generation = StreamGeneration("b", lambda: source)
    thread, found = in_thread(generation)
    assert source.waiting.wait(WAIT_S)
    generation.close()
    generation.close()
    thread.join(WAIT_S)
    assert found[0] == Delta("a")
    assert isinstance(found[1], AnswerBroken) and found[1].reason == "cancelled"
    assert source.closed


def test_closing_between_two_reads_closes_at_once() -> None:
    source = FakeStream([delta("a"), delta("b"), *stream("c")])
    generation = StreamGeneration("b", lambda: source)
    items = iter(generation)
    next(items)
    generation.close()
    assert source.closed, "the backend goes on until somebody reads again"
    with pytest.raises(AnswerBroken) as broken:
        list(items)
    assert broken.value.reason == "cancelled"


def test_closing_while_the_request_is_sent_does_not_wait_for_its_answer() -> None:
    sending, answered = threading.Event(), threading.Event()
    source = FakeStream(stream("a"))

    def open_stream() -> FakeStream:
        sending.set()
        answered.wait(WAIT_S)
        return source

    generation = StreamGeneration("b", open_stream)
    thread, found = in_thread(generation)
    assert sending.wait(WAIT_S)
    generation.close()
    thread.join(WAIT_S)
    assert [getattr(error, "reason", "") for error in found] == ["cancelled"]
    assert not source.closed
    answered.set()
    deadline = threading.Event()
    for _ in range(1000):
        if source.closed:
            break
        deadline.wait(0.01)
    assert source.closed, "an answer that came too late is still being generated"


def test_closed_before_it_was_read_it_sends_nothing() -> None:
    generation = StreamGeneration("b", lambda: pytest.fail("sent"))
    generation.close()
    items, error = run(generation)
    assert not items and isinstance(error, AnswerBroken) and error.reason == "cancelled"


def test_closing_after_the_end_changes_nothing() -> None:
    generation = StreamGeneration("b", lambda: FakeStream(stream("a")))
    items = list(generation)
    generation.close()
    assert isinstance(items[-1], Receipt)


def test_a_reader_that_stops_reading_closes_the_stream() -> None:
    source = FakeStream(stream("a", "b"))
    items = iter(StreamGeneration("b", lambda: source))
    next(items)
    items.close()  # type: ignore[attr-defined]
    assert source.closed


@pytest.mark.parametrize("first", [[], [delta("a")]])
def test_the_deadline_cuts_an_answer_that_has_fallen_silent(first: list[bytes]) -> None:
    source = HeldStream(*first)
    items, error = run(StreamGeneration("b", lambda: source, deadline_ms=30))
    assert len(items) == len(first)
    assert isinstance(error, AnswerBroken) and (error.reason, error.final) == ("deadline", True)
    assert source.closed


def test_the_deadline_holds_while_the_request_is_sent() -> None:
    answered = threading.Event()

    def open_stream() -> FakeStream:
        answered.wait(WAIT_S)
        return FakeStream(stream("a"))

    _, error = run(StreamGeneration("b", open_stream, deadline_ms=30))
    answered.set()
    assert isinstance(error, AnswerBroken) and error.reason == "deadline"
