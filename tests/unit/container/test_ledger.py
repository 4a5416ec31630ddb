"""The ledger and the receipt that is made of it."""

from __future__ import annotations

import hashlib
import itertools

from container.context import RequestContext
from container.ledger import Ledger, Piece
from container.receipt import receipt_of
from serving.request import FinishReason, RequestOutput, Timings, Usage


def piece(
    text: str, index: int = 0, finish: FinishReason | None = None, prompt: int = 4, done: int = 1
) -> Piece:
    usage = Usage(prompt_tokens=prompt, completion_tokens=done, cached_tokens=2)
    output = RequestOutput(
        request_id="r",
        text=text,
        token_ids=[1],
        usage=usage,
        finish_reason=finish,
        timings=Timings(queue_ms=1, prefill_ms=2, decode_ms=3),
    )
    return Piece(index, output)


def test_the_receipt_tells_what_the_answer_was() -> None:
    context = RequestContext(instance="i-1")
    context.ledger.note(piece("Hé", done=1))
    context.ledger.note(piece("llo", finish=FinishReason.STOP, done=2))
    receipt = receipt_of(context)
    assert receipt["finish_reason"] == "stop"
    assert receipt["instance"] == "i-1"
    assert receipt["usage"]["prompt_tokens_details"] == {"cached_tokens": 2}
    assert receipt["usage"]["total_tokens"] == 6
    assert (receipt["queue_ms"], receipt["prefill_ms"], receipt["decode_ms"]) == (1, 2, 3)
    assert receipt["sha256"] == hashlib.sha256("Héllo".encode()).hexdigest()
    assert "choices" not in receipt


def test_several_choices_count_their_prompt_once_and_keep_their_own_hashes() -> None:
    context = RequestContext()
    context.ledger.answers_per_prompt = 2
    context.ledger.note(piece("a", 0, FinishReason.STOP))
    context.ledger.note(piece("b", 1, FinishReason.DEADLINE))
    receipt = receipt_of(context)
    assert receipt["usage"]["prompt_tokens"] == 4
    assert receipt["usage"]["completion_tokens"] == 2
    assert receipt["finish_reason"] == "deadline"
    assert [entry["sha256"] for entry in receipt["choices"]] == [
        hashlib.sha256(text).hexdigest() for text in (b"a", b"b")
    ]
    assert receipt["sha256"] == hashlib.sha256(b"ab").hexdigest()


def test_an_answer_without_tokens_has_no_time_to_first_token() -> None:
    context = RequestContext()
    assert receipt_of(context)["ttft_ms"] is None


def test_intervals_are_told_for_each_choice_by_itself() -> None:
    clock = itertools.count(10.0)
    ledger = Ledger(started=9.0, clock=lambda: next(clock))
    intervals: list[tuple[float, int]] = []
    ledger.on_interval = lambda seconds, tokens: intervals.append((seconds, tokens))
    for index in (0, 1, 0):
        ledger.note(piece("x", index))
    assert ledger.ttft_s == 1.0
    assert intervals == [(2.0, 1)]
