"""What the events of a stream mean, and that nothing passes without a receipt that holds."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator_lambda.backends.answer import AnswerReader
from orchestrator_lambda.backends.failures import AnswerBroken
from orchestrator_lambda.backends.interface import Delta, Item, Receipt
from orchestrator_lambda.backends.sse import SseParser
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    ContextLengthExceeded,
    InvalidRequest,
    OrchestratorError,
)
from tests.unit.orchestrator_lambda.backends.builders import (
    DONE,
    ROLE,
    delta,
    error_event,
    event,
    receipt,
    receipt_event,
    stream,
)


def read(*events: bytes) -> list[Item]:
    parser, reader = SseParser(), AnswerReader("b")
    items = [item for piece in events for data in parser.feed(piece) for item in reader.read(data)]
    reader.end()
    return items


def failure(*events: bytes) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        read(*events)
    return caught.value


def test_a_whole_answer_is_its_text_and_its_receipt() -> None:
    items = read(*stream("Par", "", "is 👋"))
    assert items[:-1] == [Delta("Par"), Delta("is 👋")]
    last = items[-1]
    assert isinstance(last, Receipt)
    assert (last.finish_reason, last.backend, last.attempts) == ("stop", "b", 1)
    assert (last.prompt_tokens, last.cached_tokens, last.completion_tokens) == (7, 5, 3)
    assert last.raw["request_id"] == "q"


def test_an_answer_without_text_has_a_receipt_too() -> None:
    assert [type(item) for item in read(*stream())] == [Receipt]


def test_a_receipt_chunk_without_choices_counts() -> None:
    assert read(delta("a"), event({"choices": [], "receipt": receipt("a")}))


def test_what_follows_the_receipt_is_ignored() -> None:
    items = read(*stream("a"), *stream("b"), error_event("engine_dead"), event("garbage"))
    assert [type(item) for item in items] == [Delta, Receipt]


@pytest.mark.parametrize("end", range(0, len(b"".join(stream("Grü", "ße"))), 7))
def test_silent_truncation_at_any_byte_is_told_from_an_end(end: int) -> None:
    raw = b"".join(stream("Grü", "ße"))
    whole = raw.index(b"receipt") < end and b"\n\n" in raw[raw.index(b"receipt") : end]
    if whole:
        assert isinstance(read(raw[:end])[-1], Receipt)
    else:
        error = failure(raw[:end])
        assert isinstance(error, AnswerBroken)
        assert error.reason == "truncated"


def test_done_without_a_receipt_is_truncation() -> None:
    assert getattr(failure(delta("a"), DONE), "reason", "") == "truncated"


@pytest.mark.parametrize(
    "events",
    [
        [delta("a"), receipt_event("b")],
        [delta("a"), delta("a"), receipt_event("a")],
        [receipt_event("a")],
        [delta("a"), receipt_event("a", sha256=None)],
    ],
    ids=["another text", "a frame twice", "a frame lost", "no checksum"],
)
def test_text_and_receipt_must_agree(events: list[bytes]) -> None:
    error = failure(*events)
    assert isinstance(error, AnswerBroken)
    assert (error.reason, error.final) == ("mismatch", True)


@pytest.mark.parametrize(
    "changes",
    [
        {"finish_reason": None},
        {"finish_reason": ""},
        {"usage": None},
        {"usage": {"prompt_tokens": 1}},
        {"usage": {"prompt_tokens": True, "completion_tokens": 1}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 1}},
        {"usage": {"prompt_tokens": 1, "completion_tokens": "1"}},
    ],
)
def test_a_receipt_must_be_complete(changes: dict[str, Any]) -> None:
    error = failure(delta("a"), receipt_event("a", **changes))
    assert getattr(error, "reason", "") == "garbage"


@pytest.mark.parametrize(
    "garbage",
    [
        "{",
        "[]",
        "null",
        "7",
        "[" * 100_000,
        {"choices": {}},
        {"choices": [{"delta": {"content": 7}}]},
        {"choices": [{"delta": {}}, {"delta": {}}]},
        {"receipt": "yes"},
        '{"choices":[{"delta":{"content":"\\ud800"}}]}',
    ],
)
def test_garbage_is_called_so(garbage: Any) -> None:
    error = failure(ROLE, event(garbage))
    assert isinstance(error, AnswerBroken)
    assert error.reason == "garbage"


def test_chunks_of_other_kinds_say_nothing() -> None:
    noise = [{}, {"usage": {}}, {"choices": [{}]}, {"choices": [{"delta": {"content": None}}]}]
    assert len(read(*(event(content) for content in noise), *stream("a"))) == 2


@pytest.mark.parametrize(
    ("finish_reason", "reason"),
    [("shutdown", "shutdown"), ("deadline", "cut"), ("abort", "abort"), ("error", "error")],
)
def test_an_answer_that_the_container_cut_is_broken(finish_reason: str, reason: str) -> None:
    error = failure(delta("a"), receipt_event("a", finish_reason=finish_reason))
    assert isinstance(error, AnswerBroken)
    assert (error.reason, error.final) == (reason, False)
    assert error.usage is not None and error.usage.completion_tokens == 3


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (error_event("engine_dead"), BackendUnavailable),
        (error_event("draining"), BackendUnavailable),
        (error_event("generation_failed"), AnswerBroken),
        (error_event("internal_error"), AnswerBroken),
        (error_event("invented_tomorrow"), AnswerBroken),
        (error_event("overloaded", type="rate_limit_error"), BackendOverloaded),
        (error_event("context_length_exceeded"), ContextLengthExceeded),
        (error_event("user_error", type="invalid_request_error"), InvalidRequest),
        (event({"error": "a text"}), AnswerBroken),
        (event({"error": {"code": 7, "message": [], "retry_after_ms": "x"}}), AnswerBroken),
    ],
)
def test_an_error_event_in_the_middle_becomes_its_error(
    error: bytes, kind: type[OrchestratorError]
) -> None:
    found = failure(ROLE, delta("a"), error)
    assert type(found) is kind
    assert isinstance(found, BackendError | InvalidRequest)


def test_a_busy_container_says_when_to_come_back() -> None:
    assert failure(error_event("overloaded", retry_after_ms=250)).retry_after_ms == 250
    assert failure(error_event("overloaded")).retry_after_ms == 1000
    assert failure(error_event("overloaded", retry_after_ms=10**12)).retry_after_ms == 60_000
