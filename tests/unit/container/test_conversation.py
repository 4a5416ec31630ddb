"""What a request says of its conversation, and the label that is made of it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from container.context import RequestContext
from container.protocols.conversation import label_of
from container.protocols.dispatch import parse_body
from container.protocols.fields import parse_json
from container.protocols.request import GenerationRequest
from orchestrator_lambda.backends.body import canonical_body
from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.backends.interface import GenerationRequest as Turn
from serving.errors import InvalidRequest

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
FORMATS = {
    "/v1/chat/completions": CHAT,
    "/v1/completions": {"prompt": "hi"},
    "/invocations": {"inputs": "hi"},
}


def parse(body: dict[str, Any], route: str = "/invocations") -> GenerationRequest:
    return parse_body(json.dumps(body), route)


def label(body: dict[str, Any] | None = None, session_id: str | None = None) -> str:
    context = RequestContext()
    context.session_id = session_id
    if body is not None:
        context.adopt(parse(body))
    return context.label


@pytest.mark.parametrize("route", FORMATS)
def test_every_format_may_name_its_conversation_or_its_user(route: str) -> None:
    body = FORMATS[route]
    assert (parse(body, route).conversation, parse(body, route).user) == ("", "")
    named = parse({**body, "user": "alice", "routing_key": "c0ffee..."}, route)
    assert (named.conversation, named.user) == ("c0ffee", "alice")


@pytest.mark.parametrize("field", ["user", "routing_key"])
def test_a_name_that_is_no_text_is_refused(field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse({**CHAT, "user": "alice", "routing_key": "key", field: 7})
    assert caught.value.param == field


def test_the_orchestrators_turns_of_a_conversation_have_one_label_whatever_the_padding() -> None:
    def turn(conversation: str, width: int) -> str:
        message = ChatMessage(role="user", content=f"{conversation}, {width}")
        asked = Turn(
            messages=(message,),
            sampling={},
            tenant="t",
            model_revision="r",
            conversation_id=conversation,
            request_id=f"{conversation}-{width}",
        )
        return label(parse_json(canonical_body(asked, header_bytes=width)))

    assert turn("one", 1024) == turn("one", 4096) != turn("two", 1024)


def test_a_conversation_goes_before_a_session_and_a_session_before_a_user() -> None:
    user = {**CHAT, "user": "alice"}
    named = {**user, "routing_key": "c0ffee"}
    assert label(named, session_id="s-1") == label(named) == label_of("c0ffee")
    assert label(user, session_id="s-1") == label(CHAT, session_id="s-1") == label_of("s-1")
    assert label(user) == label_of("alice")


def test_a_session_is_known_even_if_the_models_own_code_reads_the_body() -> None:
    assert label(None, session_id="s-1") == label_of("s-1")


def test_a_request_that_names_nothing_has_no_label() -> None:
    assert label(CHAT) == label(None) == label_of("") == label_of("", "salt") == ""


def test_a_label_shows_nothing_of_the_name() -> None:
    made = label_of("alice@example.com", "tenant")
    assert re.fullmatch(r"[0-9a-f]{12}", made)


def test_equal_names_of_two_tenants_are_two() -> None:
    assert label_of("alice", "a") != label_of("alice", "b")
    assert label_of("bc", "a") != label_of("c", "ab")


def test_without_the_key_of_the_process_a_name_cannot_be_tried_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = label_of("alice")
    monkeypatch.setattr("container.protocols.conversation._KEY", b"of another process")
    assert label_of("alice") != here
