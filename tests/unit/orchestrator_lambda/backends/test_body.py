"""The body's bytes: what stays, what grows, what is last."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.backends.body import canonical_body, routing_id, wire_id
from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge
from tests.unit.orchestrator_lambda.backends.builders import request

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
MESSAGES = st.lists(
    st.builds(ChatMessage, role=st.sampled_from(["system", "user", "assistant"]), content=TEXT),
    min_size=1,
    max_size=6,
)
SAMPLING = st.fixed_dictionaries(
    {},
    optional={
        "max_tokens": st.integers(0, 4096),
        "temperature": st.floats(0, 2),
        "stop": st.lists(TEXT, max_size=2),
        "seed": st.none() | st.integers(0, 9),
    },
)


def messages_end(body: bytes) -> bytes:
    """The body up to the end of its last message."""
    fields = json.loads(body)
    listed = json.dumps(fields["messages"], ensure_ascii=False, separators=(",", ":")).encode()
    start = body.index(b'"messages":') + len(b'"messages":')
    assert body[start:].startswith(listed)
    return body[: start + len(listed) - 1]


@given(MESSAGES, MESSAGES, SAMPLING, SAMPLING, TEXT, TEXT)
def test_a_later_turn_begins_with_the_bytes_of_an_earlier_one(
    earlier: list[ChatMessage],
    added: list[ChatMessage],
    sampling: dict[str, Any],
    other_sampling: dict[str, Any],
    tenant: str,
    conversation: str,
) -> None:
    first = replace(
        request(),
        messages=earlier,
        sampling=sampling,
        tenant=tenant,
        conversation_id=conversation,
        request_id="one",
    )
    later = replace(
        first, messages=[*earlier, *added], sampling=other_sampling, request_id="another:2"
    )
    assert canonical_body(later).startswith(messages_end(canonical_body(first)))


@given(MESSAGES, SAMPLING)
def test_it_says_what_was_asked(messages: list[ChatMessage], sampling: dict[str, Any]) -> None:
    asked = replace(request(), messages=messages, sampling=sampling)
    fields = json.loads(canonical_body(asked))
    assert fields["messages"] == [{"role": m.role, "content": m.content} for m in messages]
    given = {name: value for name, value in sampling.items() if value is not None}
    assert {name: fields[name] for name in given} == given
    assert fields["stream"] is True


@pytest.mark.parametrize("width", [1024, 4096, 65536])
@pytest.mark.parametrize("content", ["", "x" * 100_000])
def test_the_header_alone_fills_the_hashed_prefix(width: int, content: str) -> None:
    body = canonical_body(request(content), header_bytes=width)
    assert body[width:].startswith(b'"messages":[')
    assert body[:width] == canonical_body(request("other", "texts"), header_bytes=width)[:width]


@pytest.mark.parametrize("changed", ["tenant", "model_revision", "conversation_id"])
def test_each_part_of_the_key_changes_the_header_and_not_its_width(changed: str) -> None:
    ordinary = canonical_body(request())
    other = canonical_body(request(**{changed: "ÄÖÜ" * 500}))
    assert ordinary[:1024] != other[:1024]
    assert len(ordinary) == len(other)


def test_ids_are_not_confused_when_they_run_together() -> None:
    assert routing_id(request(tenant="ab", model_revision="c")) != routing_id(
        request(tenant="a", model_revision="bc")
    )
    assert len(routing_id(request(tenant="", conversation_id="x" * 9999))) == 64


def test_the_prefix_cache_is_salted_by_tenant() -> None:
    def salt(tenant: str) -> str:
        body = json.loads(canonical_body(request(tenant=tenant)))
        return str(body["cache_salt"])

    assert salt("a") == salt("a") != salt("b")


def test_sampling_is_sorted_and_the_request_id_last() -> None:
    body = canonical_body(request(sampling={"top_p": 0.5, "max_tokens": 1}, request_id="the-id"))
    names = list(json.loads(body))
    assert names[:3] == ["routing_key", "cache_salt", "messages"]
    assert names[3:] == ["max_tokens", "stream", "top_p", "request_id"]
    assert body.endswith(b',"request_id":"the-id"}')


def test_the_order_in_which_sampling_was_given_does_not_matter() -> None:
    one = {"temperature": 0.1, "max_tokens": 2}
    assert canonical_body(request(sampling=one)) == canonical_body(
        request(sampling=dict(reversed(one.items())))
    )


def test_a_partial_answer_is_to_be_gone_on_with() -> None:
    fields = json.loads(canonical_body(request("hi", "Hel", continue_final=True)))
    assert fields["continue_final_message"] is True
    assert fields["add_generation_prompt"] is False
    assert "continue_final_message" not in json.loads(canonical_body(request("hi")))


@pytest.mark.parametrize(
    ("sampling", "param"),
    [
        ({"messages": []}, "messages"),
        ({"stream": False}, "stream"),
        ({"routing_key": "x"}, "routing_key"),
        ({"cache_salt": "other tenant"}, "cache_salt"),
        ({"n": 2}, "n"),
        ({"temperature": float("nan")}, None),
        ({"stop": {1, 2}}, None),
    ],
)
def test_sampling_cannot_take_the_place_of_what_is_ours(
    sampling: dict[str, Any], param: str | None
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        canonical_body(request(sampling=sampling))
    assert refused.value.param == param


def test_half_of_a_surrogate_pair_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="surrogate"):
        canonical_body(request("\ud83d"))


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent() -> None:
    with pytest.raises(PayloadTooLarge, match="4000"):
        canonical_body(request("x" * 4000), max_bytes=4000)


def test_a_header_of_another_width_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="1024"):
        canonical_body(request(), header_bytes=1023)


@pytest.mark.parametrize(
    ("given_id", "sent"),
    [("c:1:2", "c:1:2"), ("a b/ü", "a-b--"), ("x" * 300, "x" * 128), ("", "-")],
)
def test_request_ids_take_the_form_that_the_container_allows(given_id: str, sent: str) -> None:
    assert wire_id(given_id) == sent
