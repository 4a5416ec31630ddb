"""OpenAI's own Python client against the running server."""

from __future__ import annotations

import hashlib

import openai
import pytest

from tests.contract.conftest import Server

TEXT = "Hello, world! How are you?"
MESSAGES = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


def test_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="", messages=MESSAGES)
    assert answer.choices[0].message.content == TEXT
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.object == "chat.completion"
    assert answer.model == "fake-chat"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + len(TEXT)
    receipt = answer.model_extra["receipt"]
    assert receipt["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()


def test_the_same_prompt_again_is_found_warm(client: openai.OpenAI) -> None:
    long = [{"role": "user", "content": "once upon a time " * 9}]
    client.chat.completions.create(model="", messages=long)
    usage = client.chat.completions.create(model="", messages=long).usage
    assert usage.prompt_tokens_details.cached_tokens > 100


def test_chat_streamed_by_the_usual_loop(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="", messages=MESSAGES, stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == TEXT
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason] == ["stop"]
    receipt = chunks[-1].model_extra["receipt"]
    assert receipt["sha256"] == hashlib.sha256(TEXT.encode()).hexdigest()
    assert receipt["finish_reason"] == "stop"
    assert receipt["usage"]["completion_tokens"] == len(TEXT)
    assert {"queue_ms", "prefill_ms", "decode_ms", "ttft_ms", "instance", "request_id"} <= set(
        receipt
    )


def test_the_usage_chunk_comes_without_choices_when_asked_for(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    last = list(stream)[-1]
    assert last.choices == []
    assert last.usage.completion_tokens == len(TEXT)


def test_stop_and_max_tokens(client: openai.OpenAI) -> None:
    stopped = client.chat.completions.create(model="", messages=MESSAGES, stop=["world"])
    assert stopped.choices[0].message.content == "Hello, "
    cut = client.chat.completions.create(model="", messages=MESSAGES, max_completion_tokens=5)
    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("Hello", "length")


def test_logprobs_of_a_chat(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="", messages=MESSAGES, logprobs=True, top_logprobs=2, max_tokens=3
    )
    content = answer.choices[0].logprobs.content
    assert [entry.token for entry in content] == ["H", "e", "l"]
    assert [len(entry.top_logprobs) for entry in content] == [2, 2, 2]
    assert content[0].bytes == [ord("H")]


def test_logprobs_of_a_stream_come_with_their_tokens(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model="", messages=MESSAGES, logprobs=True, max_tokens=3, stream=True
    )
    entries = [
        entry
        for chunk in stream
        for choice in chunk.choices
        if choice.logprobs
        for entry in choice.logprobs.content
    ]
    assert [entry.token for entry in entries] == ["H", "e", "l"]


def test_n_answers_with_seeds_of_their_own(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="", messages=MESSAGES, n=3, seed=7)
    texts = [choice.message.content for choice in answer.choices]
    assert texts == ["seed 7", "seed 8", "seed 9"]
    again = client.chat.completions.create(model="", messages=MESSAGES, n=3, seed=7)
    assert [choice.message.content for choice in again.choices] == texts


def test_n_answers_streamed_side_by_side(client: openai.OpenAI) -> None:
    texts = ["", ""]
    for chunk in client.chat.completions.create(
        model="", messages=MESSAGES, n=2, seed=7, stream=True
    ):
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert texts == ["seed 7", "seed 8"]


def test_completions(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="", prompt=["a", "b"], max_tokens=5, logprobs=1)
    assert [choice.text for choice in answer.choices] == ["Hello", "Hello"]
    assert answer.choices[0].logprobs.tokens == list("Hello")
    assert answer.choices[0].logprobs.text_offset == [0, 1, 2, 3, 4]
    assert answer.usage.prompt_tokens == 2


def test_a_prompt_is_scored_by_echo(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="", prompt="abc", echo=True, max_tokens=0, logprobs=1)
    (choice,) = answer.choices
    assert (choice.text, choice.finish_reason) == ("abc", "length")
    assert choice.logprobs.tokens == ["a", "b", "c"]
    assert choice.logprobs.token_logprobs == [None, -0.5, -0.5]
    assert choice.logprobs.top_logprobs[0] is None
    assert choice.logprobs.text_offset == [0, 1, 2]


def test_completions_streamed_from_token_ids(client: openai.OpenAI) -> None:
    stream = client.completions.create(model="", prompt=[104, 105], max_tokens=5, stream=True)
    chunks = list(stream)
    assert "".join(chunk.choices[0].text for chunk in chunks) == "Hello"
    assert chunks[-1].model_extra["receipt"]["finish_reason"] == "length"


def test_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["fake-chat"]


def test_errors_have_a_status_a_code_and_a_field(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="", messages=MESSAGES, max_tokens=-1)
    assert (caught.value.code, caught.value.param) == ("invalid_request", "max_tokens")
