"""The fake engine keeps the promises of the engine protocol."""

from __future__ import annotations

import threading
import time

import pytest

from serving.engine.protocol import EngineClient, EngineState
from serving.errors import (
    ContextLengthExceeded,
    EngineDead,
    EngineDraining,
    EngineUnavailable,
    GenerationFailed,
    InvalidRequest,
    Overloaded,
)
from serving.request import FinishReason, RequestOutput
from serving.sampling_params import SamplingParams
from serving.testing import ByteTokenizer, FakeEngine, FakeFaults, echo

ALL = SamplingParams(max_tokens=None)


def answer(engine: EngineClient, prompt: str = "hi", params: SamplingParams = ALL) -> str:
    with engine.submit(prompt, params) as stream:
        return "".join(output.text for output in stream)


def last_output(engine: EngineClient, params: SamplingParams, prompt: str = "hi") -> RequestOutput:
    with engine.submit(prompt, params) as stream:
        return list(stream)[-1]


def test_says_its_script_and_ends_with_stop() -> None:
    engine = FakeEngine("Bonjour")
    assert answer(engine) == "Bonjour"
    assert last_output(engine, ALL).finish_reason is FinishReason.STOP


def test_echo_repeats_the_prompt() -> None:
    assert answer(FakeEngine(echo), "parrot") == "parrot"


def test_never_emits_half_a_character() -> None:
    with FakeEngine("aé世").submit("hi", ALL) as stream:
        texts = [output.text for output in stream]
    assert texts == ["a", "", "é", "", "", "世"]


@pytest.mark.parametrize(
    ("params", "text", "reason"),
    [
        (SamplingParams(max_tokens=3), "Hel", FinishReason.LENGTH),
        (SamplingParams(max_tokens=0), "", FinishReason.LENGTH),
        (SamplingParams(max_tokens=5), "Hello", FinishReason.STOP),
        (SamplingParams(stop=("l",)), "He", FinishReason.STOP),
        (SamplingParams(stop_token_ids=(ord("o"),)), "Hell", FinishReason.STOP),
        (SamplingParams(max_tokens=7, ignore_eos=True), "HelloHe", FinishReason.LENGTH),
    ],
)
def test_honours_its_limits(params: SamplingParams, text: str, reason: FinishReason) -> None:
    engine = FakeEngine("Hello")
    assert answer(engine, params=params) == text
    assert last_output(engine, params).finish_reason is reason


def test_a_deadline_cuts_the_answer() -> None:
    engine = FakeEngine("x" * 100, tokens_per_second=20)
    with engine.submit("hi", ALL, deadline=time.monotonic() + 0.2) as stream:
        outputs = list(stream)
    assert outputs[-1].finish_reason is FinishReason.DEADLINE
    assert 1 <= outputs[-1].usage.completion_tokens < 100


def test_next_gives_none_when_nothing_comes_in_time() -> None:
    with FakeEngine("x", first_token_seconds=5).submit("hi", ALL) as stream:
        assert stream.next(timeout=0.01) is None


def test_next_after_the_last_output_stops() -> None:
    with FakeEngine("x").submit("hi", ALL) as stream:
        assert stream.next() is not None
        with pytest.raises(StopIteration):
            stream.next()


def test_leaving_the_block_early_aborts_and_is_recorded() -> None:
    engine = FakeEngine("Hello", tokens_per_second=10)
    with engine.submit("hi", ALL, request_id="r1"):
        assert engine.active == 1
    assert engine.aborted == ["r1"]
    assert engine.active == 0


def test_abort_wakes_a_waiting_reader() -> None:
    engine = FakeEngine("Hello", first_token_seconds=60)
    stream = engine.submit("hi", ALL)
    threading.Timer(0.05, stream.abort).start()
    started = time.monotonic()
    output = stream.next(timeout=10)
    assert output is not None
    assert output.finish_reason is FinishReason.ABORT
    assert time.monotonic() - started < 5


def test_a_seen_prefix_is_warm_in_whole_blocks_under_the_same_salt_only() -> None:
    engine = FakeEngine("ok")
    prompt = "p" * 40
    assert last_output(engine, ALL, prompt).usage.cached_tokens == 0
    assert last_output(engine, ALL, prompt).usage.cached_tokens == 32
    with engine.submit(prompt, ALL, cache_salt="other") as stream:
        assert list(stream)[-1].usage.cached_tokens == 0


def test_logprobs_come_with_each_token_when_asked_for() -> None:
    with FakeEngine("ab").submit("hi", SamplingParams(logprobs=2)) as stream:
        outputs = list(stream)
    assert [len(output.logprobs or []) for output in outputs] == [1, 1]
    position = (outputs[0].logprobs or [])[0]
    assert position.chosen.token_id == ord("a")
    assert len(position.top) == 2


def test_refuses_what_can_never_fit() -> None:
    engine = FakeEngine(max_model_len=16)
    with pytest.raises(ContextLengthExceeded):
        engine.submit("x" * 16, ALL)
    with pytest.raises(ContextLengthExceeded):
        engine.submit("x" * 8, SamplingParams(max_tokens=9))


def test_refuses_an_empty_prompt_and_foreign_ids() -> None:
    for prompt in ("", [], [100_000]):
        with pytest.raises(InvalidRequest):
            FakeEngine().submit(prompt, ALL)


def test_refuses_a_request_id_in_use() -> None:
    engine = FakeEngine("Hello", tokens_per_second=1)
    with engine.submit("hi", ALL, request_id="r1"), pytest.raises(InvalidRequest):
        engine.submit("hi", ALL, request_id="r1")


def test_is_overloaded_beyond_max_active() -> None:
    engine = FakeEngine("Hello", tokens_per_second=1, max_active=1)
    with engine.submit("hi", ALL), pytest.raises(Overloaded) as caught:
        engine.submit("hi", ALL)
    assert caught.value.retry_after_ms


def test_loads_for_a_while() -> None:
    engine = FakeEngine(load_seconds=0.1)
    assert engine.state is EngineState.LOADING
    with pytest.raises(EngineUnavailable):
        engine.submit("hi", ALL)
    with pytest.raises(EngineUnavailable):
        _ = engine.model_info
    time.sleep(0.12)
    assert engine.state is EngineState.READY


def test_a_failing_request_leaves_the_engine_alive() -> None:
    engine = FakeEngine("Hello", faults=FakeFaults(fail_after=2))
    with engine.submit("hi", ALL) as stream:
        assert [stream.next(), stream.next()]
        with pytest.raises(GenerationFailed):
            stream.next()
    assert engine.state is EngineState.READY


def test_dying_takes_every_stream_with_it() -> None:
    engine = FakeEngine("Hello", tokens_per_second=100, faults=FakeFaults(die_after=2))
    other = engine.submit("hi", ALL)
    with pytest.raises(EngineDead):
        answer(engine)
    with pytest.raises(EngineDead):
        list(other)
    assert engine.state is EngineState.DEAD
    assert engine.failure


def test_stalls_after_some_tokens() -> None:
    engine = FakeEngine("Hello", faults=FakeFaults(stall_after=1))
    with engine.submit("hi", ALL) as stream:
        assert stream.next() is not None
        assert stream.next(timeout=0.02) is None


def test_drain_refuses_new_work_and_shutdown_ends_the_old() -> None:
    engine = FakeEngine("Hello", tokens_per_second=1)
    stream = engine.submit("hi", ALL)
    engine.drain()
    with pytest.raises(EngineDraining):
        engine.submit("hi", ALL)
    engine.shutdown(timeout=0.01)
    assert list(stream)[-1].finish_reason is FinishReason.SHUTDOWN


def test_counts_what_it_did() -> None:
    engine = FakeEngine("Hello")
    answer(engine, "four")
    stats = engine.stats()
    assert (stats.prompt_tokens, stats.generated_tokens, stats.running) == (4, 5, 0)


def test_tokenizer_ids_are_bytes_and_special_tokens_follow() -> None:
    tokenizer = ByteTokenizer()
    assert tokenizer.encode("aé<|im_end|>") == [97, 0xC3, 0xA9, tokenizer.eos_token_id]
    assert tokenizer.decode(list("世界".encode())) == "世界"
    assert tokenizer.decode([97, tokenizer.eos_token_id]) == "a"
    assert tokenizer.token_text(tokenizer.eos_token_id) == "<|im_end|>"


def test_tokenizer_renders_chatml() -> None:
    messages = [{"role": "user", "content": "hi"}]
    rendered = ByteTokenizer().render_chat(messages)
    assert rendered == "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    begun = [*messages, {"role": "assistant", "content": "Hel"}]
    assert ByteTokenizer().render_chat(begun, continue_final_message=True).endswith("\nHel")
