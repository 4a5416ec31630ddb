"""OpenAI bodies: what they become, and how each mistake is named."""

from __future__ import annotations

from typing import Any

import pytest

from container.protocols.dispatch import parse_body
from container.protocols.fields import parse_json
from container.protocols.openai import parse_chat, parse_completion
from container.protocols.request import Wire
from serving.errors import InvalidRequest

USER = [{"role": "user", "content": "hi"}]
BEGUN = [*USER, {"role": "assistant", "content": "Hel"}]


def chat(**fields: Any) -> dict[str, Any]:
    return {"messages": USER, **fields}


def test_a_chat_has_openais_defaults_and_all_tokens_that_fit() -> None:
    request = parse_chat(chat(model=""))
    assert request.wire is Wire.CHAT
    assert request.sampling.temperature == 1.0
    assert request.sampling.max_tokens is None
    assert not request.stream
    assert request.n == 1


def test_a_completion_makes_sixteen_tokens_unless_told() -> None:
    assert parse_completion({"prompt": "hi"}).sampling.max_tokens == 16


def test_every_sampling_field_arrives() -> None:
    request = parse_chat(
        chat(
            temperature=0,
            top_p=0.5,
            top_k=7,
            min_p=0.1,
            repetition_penalty=1.1,
            presence_penalty=1,
            frequency_penalty=-1,
            seed=3,
            logit_bias={"42": -100},
            stop="END",
            stop_token_ids=[5],
            ignore_eos=True,
            logprobs=True,
            top_logprobs=4,
            max_completion_tokens=9,
            n=2,
            cache_salt="tenant",
            request_id="turn-1",
        )
    )
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.min_p) == (
        0,
        0.5,
        7,
        0.1,
    )
    assert (sampling.presence_penalty, sampling.frequency_penalty) == (1, -1)
    assert sampling.logit_bias == {42: -100.0}
    assert (sampling.stop, sampling.stop_token_ids) == (("END",), (5,))
    assert (sampling.seed, sampling.logprobs, sampling.max_tokens) == (3, 4, 9)
    assert (request.n, request.cache_salt, request.request_id) == (2, "tenant", "turn-1")


def test_null_counts_as_absent() -> None:
    request = parse_chat(chat(temperature=None, stop=None, n=None, max_tokens=None))
    assert request.sampling.temperature == 1.0


def test_content_parts_become_one_text() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    assert parse_chat({"messages": [{"role": "user", "content": parts}]}).messages == [
        {"role": "user", "content": "a\nb"}
    ]


def test_developer_is_the_newer_name_of_system() -> None:
    messages = [{"role": "developer", "content": "be brief"}, *USER]
    assert parse_chat({"messages": messages}).messages[0]["role"] == "system"


def test_max_tokens_zero_prefills_only() -> None:
    assert parse_chat(chat(max_tokens=0)).sampling.max_tokens == 0


@pytest.mark.parametrize("fields", [{"tools": []}, {"response_format": {"type": "text"}}])
def test_fields_that_ask_for_nothing_special_pass(fields: dict[str, Any]) -> None:
    assert parse_chat(chat(**fields, user="u", metadata={}, store=False))


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": ["hi"]}, "messages[0]"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [*USER, {"role": "user"}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": 3}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content[0]",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 1}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls"),
        ({"temperature": 10**400}, "temperature"),
        ({"seed": 10**400}, "seed"),
        ({"logit_bias": {"9" * 5000: 1}}, "logit_bias"),
        ({"logit_bias": {"1": 10**400}}, "logit_bias"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": -0.1}, "temperature"),
        ({"top_p": 0}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 65}, "n"),
        ({"stop": [1]}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options.include_usage"),
        ({"logprobs": 3}, "logprobs"),
        ({"top_logprobs": 3}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "logprobs"),
        ({"logit_bias": {"the": 1}}, "logit_bias"),
        ({"logit_bias": {"1": "x"}}, "logit_bias"),
        ({"logit_bias": {"1": 101}}, "logit_bias"),
        ({"seed": 1.5}, "seed"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": "required"}, "tool_choice"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"model": 4}, "model"),
        ({"request_id": "a b"}, "request_id"),
        ({"continue_final_message": True}, "continue_final_message"),
        ({"continue_final_message": 1}, "continue_final_message"),
        ({"messages": BEGUN[1:], "continue_final_message": True}, "continue_final_message"),
        (
            {"messages": BEGUN, "continue_final_message": True, "add_generation_prompt": True},
            "add_generation_prompt",
        ),
        ({"messages": BEGUN, "add_generation_prompt": False}, "add_generation_prompt"),
        ({"add_generation_prompt": "no"}, "add_generation_prompt"),
    ],
)
def test_a_wrong_chat_names_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_chat(chat(**fields))
    assert caught.value.param == param
    assert caught.value.status == 400


@pytest.mark.parametrize("fields", [{}, {"add_generation_prompt": False}])
def test_a_last_message_of_the_assistant_can_be_gone_on_with(fields: dict[str, Any]) -> None:
    request = parse_chat({"messages": BEGUN, "continue_final_message": True, **fields})
    assert request.continue_final_message
    assert not parse_chat(chat(add_generation_prompt=True)).continue_final_message


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [
        ("hi", ["hi"]),
        (["a", "b"], ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_the_four_forms_of_a_prompt(prompt: Any, prompts: list[Any]) -> None:
    assert parse_completion({"prompt": prompt}).prompts == prompts


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": 3}, "prompt"),
        ({"prompt": ["a", 1]}, "prompt"),
        ({"prompt": [True]}, "prompt"),
        ({"prompt": [[]]}, "prompt"),
        ({"prompt": "a", "echo": 1}, "echo"),
        ({"prompt": "a", "echo": True, "logprobs": 21}, "logprobs"),
        ({"prompt": "a", "echo": True, "logprobs": -1}, "logprobs"),
        ({"prompt": "a", "suffix": "z"}, "suffix"),
        ({"prompt": "a", "best_of": 4}, "best_of"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": ["a"] * 40, "n": 2}, "n"),
    ],
)
def test_a_wrong_completion_names_the_field(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_completion(fields)
    assert caught.value.param == param


def test_invocations_are_told_apart_by_their_field() -> None:
    wires = [
        parse_body(body, "/invocations").wire
        for body in (
            b'{"messages": [{"role": "user", "content": "x"}]}',
            b'{"prompt": "x"}',
            b'{"inputs": "x"}',
        )
    ]
    assert wires == [Wire.CHAT, Wire.COMPLETION, Wire.INPUTS]


def test_invocations_without_any_of_them_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        parse_body(b"{}", "/invocations")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b'{"a": 1,}', "byte 8"),
        (b'{"a": NaN}', "byte 6"),
        (b'{"a": "\xff"}', "position 7"),
        (b'{"a": "\\ud800"}', "JSON"),
        (b"[" * 100_000, "nests"),
        (b"1e999", "range"),
    ],
)
def test_broken_json_is_refused_with_its_position(body: bytes, words: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse_json(body)
    assert caught.value.code == "invalid_json"
    assert words in caught.value.message
