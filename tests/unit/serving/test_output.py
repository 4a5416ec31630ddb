"""From token deltas to what the caller sees: text, ids, usage, and every way to end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serving.engine.detokenizer import decode_continuation
from serving.engine.output import OutputAssembler
from serving.request import (
    FinishReason,
    PositionLogprobs,
    RequestOutput,
    Timings,
    TokenDelta,
    TokenLogprob,
    Usage,
)
from serving.sampling_params import SamplingParams
from serving.tokenizer import Tokenizer

ROCKET = "\U00010348"  # four bytes that no merge of the tiny vocabulary joins


class Run:
    """One request on the client's side, fed token by token."""

    def __init__(self, tokenizer: Tokenizer, *, prompt: str = "hello", **params: Any) -> None:
        self.tokenizer = tokenizer
        (self.eos,) = tokenizer.encode("<|im_end|>")
        settings = SamplingParams(**params)
        closing = [] if settings.ignore_eos else [self.eos]
        self.assembler = OutputAssembler(
            "r1", tokenizer.encode(prompt), settings, tokenizer, closing
        )
        self.outputs: list[RequestOutput] = []

    def feed(
        self, ids: Sequence[int], reason: FinishReason | None = None, **fields: Any
    ) -> RequestOutput | None:
        """One delta a token; the last one has the reason."""
        output = None
        for place, token_id in enumerate(ids, start=1):
            ends = reason if place == len(ids) else None
            logprobs = [PositionLogprobs(TokenLogprob(token_id, -1.0, 1), [])]
            delta = TokenDelta(
                request_id="r1",
                token_ids=[token_id],
                logprobs=logprobs,
                finish_reason=ends,
                **fields,
            )
            output = self.assembler.feed(delta)
            if output is not None:
                self.outputs.append(output)
        return output

    def say(self, text: str, reason: FinishReason | None = None) -> RequestOutput | None:
        return self.feed(self.tokenizer.encode(text), reason)

    @property
    def text(self) -> str:
        return "".join(output.text for output in self.outputs)

    @property
    def ids(self) -> list[int]:
        return [token_id for output in self.outputs for token_id in output.token_ids]


@pytest.fixture
def tokenizer(byte_level_tokenizer: Tokenizer) -> Tokenizer:
    return byte_level_tokenizer


def test_the_end_of_sequence_token_is_given_without_text(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer)
    ids = [*tokenizer.encode(" world"), run.eos]

    final = run.feed(ids, FinishReason.STOP)

    assert final is not None
    assert final.finish_reason is FinishReason.STOP
    assert run.text == run.assembler.text == " world"
    assert run.ids == run.assembler.output_token_ids == ids
    assert run.assembler.answer_token_ids == ids[:-1]
    assert final.usage.completion_tokens == len(ids)


def test_a_stop_token_with_a_text_of_its_own_is_given_without_it(tokenizer: Tokenizer) -> None:
    (comma,) = tokenizer.encode(",")
    run = Run(tokenizer, stop_token_ids=(comma,))

    run.feed([*tokenizer.encode(" world"), comma], FinishReason.STOP)

    assert run.text == " world"
    assert run.ids[-1] == comma
    assert comma not in run.assembler.answer_token_ids


def test_a_sequence_that_ends_by_length_keeps_its_last_token(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, max_tokens=3)
    ids = tokenizer.encode(" world")

    run.feed(ids, FinishReason.LENGTH)

    assert run.text == " world"
    assert run.assembler.answer_token_ids == ids


def test_a_request_that_ignores_the_end_goes_on_past_it(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, ignore_eos=True)
    ids = [*tokenizer.encode("a"), run.eos, *tokenizer.encode("b"), run.eos]

    run.feed(ids, FinishReason.LENGTH)

    assert run.text == "ab"
    assert run.ids == run.assembler.answer_token_ids == ids


def test_half_a_character_waits_with_its_tokens(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer)
    ids = tokenizer.encode(ROCKET)
    assert len(ids) == 4

    assert run.feed(ids[:3]) is None
    output = run.feed(ids[3:])

    assert output is not None
    assert (output.text, output.token_ids) == (ROCKET, ids)


@pytest.mark.parametrize("cut", [FinishReason.LENGTH, FinishReason.DEADLINE, FinishReason.SHUTDOWN])
@pytest.mark.parametrize("missing", [1, 2, 3])
def test_an_answer_cut_within_a_character_does_not_show_half_of_it(
    tokenizer: Tokenizer, cut: FinishReason, missing: int
) -> None:
    run = Run(tokenizer)
    ids = tokenizer.encode("a" + ROCKET)[:-missing]

    run.feed(ids, cut)

    assert (run.text, run.ids) == ("a", ids)
    assert run.assembler.answer_token_ids == ids[:1]


def test_half_a_character_that_the_model_ended_with_shows_as_the_replacement_character(
    tokenizer: Tokenizer,
) -> None:
    run = Run(tokenizer)
    ids = tokenizer.encode("a" + ROCKET)[:-1]

    run.feed([*ids, run.eos], FinishReason.STOP)

    assert run.text == tokenizer.decode(ids) == "a\ufffd"
    assert run.assembler.answer_token_ids == ids


def test_what_may_become_a_stop_string_waits_with_its_tokens(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=("zqxj",), logprobs=0)
    z, q, x, y = (tokenizer.encode(letter)[0] for letter in "zqxy")

    assert [run.feed([token]) for token in (z, q, x)] == [None, None, None]
    output = run.feed([y])

    assert output is not None
    assert (output.text, output.token_ids) == ("zqxy", [z, q, x, y])
    assert output.logprobs is not None
    assert [entry.chosen.token_id for entry in output.logprobs] == output.token_ids


def test_a_stop_string_ends_it_before_the_engine_knows(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=("qx",), logprobs=0)
    shown, stop = tokenizer.encode("hello "), tokenizer.encode("qx")

    final = run.feed(shown + stop)

    assert final is not None
    assert final.finish_reason is FinishReason.STOP
    assert run.assembler.stopped_by_text
    assert run.text == "hello "
    assert run.ids == run.assembler.answer_token_ids == shown
    assert final.usage.completion_tokens == len(shown + stop)


def test_a_token_that_reaches_into_the_stop_string_is_given_but_spells_no_answer(
    tokenizer: Tokenizer,
) -> None:
    hello = tokenizer.encode("hello")
    assert len(hello) == 1
    run = Run(tokenizer, stop=("lo",))

    run.feed([*tokenizer.encode("a"), *hello])

    assert run.text == "ahel"
    assert run.ids == [*tokenizer.encode("a"), *hello]
    assert run.assembler.answer_token_ids == tokenizer.encode("a")


def test_a_stop_string_in_the_first_token_leaves_nothing(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=("hello",))

    final = run.say("hello")

    assert final is not None
    assert (final.text, final.token_ids, final.usage.completion_tokens) == ("", [], 1)


def test_a_stop_string_of_characters_of_several_tokens(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=(ROCKET + "!",))

    run.say(f"a{ROCKET}?{ROCKET}!b")

    assert run.text == f"a{ROCKET}?"
    assert run.assembler.final is run.outputs[-1]


def test_half_a_character_that_a_cut_off_token_completes_is_no_part_of_the_answer(
    tokenizer: Tokenizer,
) -> None:
    """A vocabulary may join the end of one character with the beginning of the next."""
    day = "\u65e5"
    ids = tokenizer.encode(day + day + "a")
    assert tokenizer.decode(ids[:1]) == "\ufffd"
    run = Run(tokenizer, stop=(day + "a",))

    run.feed(ids)

    assert run.text == day
    assert tokenizer.decode(run.assembler.answer_token_ids) in {day, ""}


def test_a_stop_string_within_one_delta_drops_the_tokens_after_it(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=("q",))
    ids = [tokenizer.encode(letter)[0] for letter in "aqb"]

    final = run.assembler.feed(TokenDelta(request_id="r1", token_ids=ids))

    assert final is not None
    assert (final.text, final.token_ids, final.usage.completion_tokens) == ("a", ids[:1], 2)


def test_a_stop_string_and_the_length_at_one_token_is_a_stop(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, stop=("q",))

    final = run.say("aq", FinishReason.LENGTH)

    assert final is not None
    assert final.finish_reason is FinishReason.STOP


@pytest.mark.parametrize(
    "reason", [FinishReason.ABORT, FinishReason.DEADLINE, FinishReason.SHUTDOWN]
)
def test_an_end_from_this_side_shows_what_was_held_back(
    tokenizer: Tokenizer, reason: FinishReason
) -> None:
    run = Run(tokenizer, stop=("qxj",))
    ids = tokenizer.encode("aqx")
    run.feed(ids)

    final = run.assembler.finish(reason)

    assert final.finish_reason is reason
    assert run.text + final.text == "aqx"
    assert run.assembler.output_token_ids == run.assembler.answer_token_ids == ids


def test_an_error_keeps_its_code_and_message(tokenizer: Tokenizer) -> None:
    from_here, from_engine = Run(tokenizer), Run(tokenizer)

    here = from_here.assembler.finish(
        FinishReason.ERROR, error_code="engine_dead", error_message="gone"
    )
    there = from_engine.assembler.feed(
        TokenDelta(
            request_id="r1",
            finish_reason=FinishReason.ERROR,
            error_code="generation_failed",
            error_message="no",
        )
    )

    assert (here.error_code, here.error_message) == ("engine_dead", "gone")
    assert there is not None
    assert (there.error_code, there.error_message) == ("generation_failed", "no")


def test_nothing_follows_the_last_output(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer)
    final = run.say("hello", FinishReason.LENGTH)

    assert run.say("more") is None
    assert run.assembler.finish(FinishReason.ABORT) is final
    assert run.assembler.text == "hello"


def test_a_prefill_only_request_ends_without_text(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, max_tokens=0)

    final = run.assembler.feed(TokenDelta(request_id="r1", finish_reason=FinishReason.LENGTH))

    assert final is not None
    assert (final.text, final.token_ids) == ("", [])
    assert run.assembler.answer_token_ids == []


def test_usage_timings_and_preemptions_are_the_latest(tokenizer: Tokenizer) -> None:
    run = Run(tokenizer, prompt="hello world")
    prompt_tokens = len(tokenizer.encode("hello world"))
    first = run.feed(tokenizer.encode("a"), cached_tokens=1, timings=Timings(queue_ms=3.0))
    later = run.feed(tokenizer.encode("b"))
    last = run.assembler.feed(
        TokenDelta(
            request_id="r1",
            finish_reason=FinishReason.LENGTH,
            cached_tokens=1,
            preemptions=2,
            timings=Timings(queue_ms=3.0, decode_ms=9.0),
        )
    )

    assert first is not None and later is not None and last is not None
    assert first.usage == Usage(prompt_tokens=prompt_tokens, completion_tokens=1, cached_tokens=1)
    assert later.usage == Usage(prompt_tokens=prompt_tokens, completion_tokens=2, cached_tokens=1)
    assert later.timings == Timings(queue_ms=3.0)
    assert (last.preemptions, last.timings.decode_ms) == (2, 9.0)


def test_logprobs_are_absent_unless_asked_for(tokenizer: Tokenizer) -> None:
    output = Run(tokenizer).say("hello")

    assert output is not None
    assert output.logprobs is None


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_no_token_and_no_character_is_lost_or_told_twice(
    any_tokenizer: Tokenizer, data: st.DataObject
) -> None:
    """Any text, cut anywhere by length, with stop strings that do not occur but nearly do."""
    text = data.draw(st.text("ab \u00e9\u65e5\U0001f600", max_size=12))
    stops = tuple(data.draw(st.lists(st.text("ab\u00e9\u65e5", min_size=1), max_size=3)))
    run = Run(any_tokenizer, stop=tuple(stop + "#" for stop in stops), logprobs=0)
    ids = any_tokenizer.encode(text)
    if not ids:
        return

    run.feed(ids, FinishReason.LENGTH)

    assert run.ids == run.assembler.output_token_ids == run.assembler.answer_token_ids == ids
    prompt_ids = run.assembler.prompt_token_ids
    assert run.text == decode_continuation(any_tokenizer, prompt_ids, ids)
    for output in run.outputs:
        assert output.logprobs is not None
        assert [entry.chosen.token_id for entry in output.logprobs] == output.token_ids


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_stop_string_cuts_the_text_where_it_first_occurs(
    any_tokenizer: Tokenizer, data: st.DataObject
) -> None:
    text = data.draw(st.text("ab\u00e9\u65e5", min_size=1, max_size=12))
    stop = data.draw(st.text("ab\u00e9\u65e5", min_size=1, max_size=3))
    run = Run(any_tokenizer, stop=(stop,))
    ids = any_tokenizer.encode(text)
    whole = decode_continuation(any_tokenizer, run.assembler.prompt_token_ids, ids)

    run.feed(ids, FinishReason.LENGTH)

    before, found, _ = whole.partition(stop)
    assert run.text == before
    assert run.assembler.stopped_by_text == bool(found)
    answer = run.assembler.answer_token_ids
    prompt_ids = run.assembler.prompt_token_ids
    assert before.startswith(decode_continuation(any_tokenizer, prompt_ids, answer))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), text=st.text(alphabet="ab \U00010348", max_size=30))
def test_how_many_tokens_a_step_gave_changes_nothing(
    tokenizer: Tokenizer, data: st.DataObject, text: str
) -> None:
    """A step that verified a draft gives several; one of them may complete a stop string."""
    ids = tokenizer.encode(text)
    params: dict[str, Any] = {"stop": data.draw(st.sampled_from([(), ("ab",), ("b a", "aa")]))}
    one_by_one, in_groups = Run(tokenizer, logprobs=0, **params), Run(tokenizer, **params)
    one_by_one.feed([*ids, one_by_one.eos], FinishReason.STOP)
    left = [*ids, in_groups.eos]
    while left:
        count = data.draw(st.integers(1, len(left)))
        group, left = left[:count], left[count:]
        reason = None if left else FinishReason.STOP
        delta = TokenDelta(request_id="r1", token_ids=group, finish_reason=reason)
        output = in_groups.assembler.feed(delta)
        if output is not None:
            in_groups.outputs.append(output)
    assert in_groups.text == one_by_one.text
    assert in_groups.ids == one_by_one.ids
    answers = [run.assembler.answer_token_ids for run in (in_groups, one_by_one)]
    assert answers[0] == answers[1]
    last, expected = in_groups.assembler.final, one_by_one.assembler.final
    assert last is not None and expected is not None
    assert (last.usage, last.finish_reason) == (expected.usage, expected.finish_reason)
