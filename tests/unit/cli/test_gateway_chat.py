"""The terminal's chat through the gateway; the server is one of events written down beforehand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from cli.chat_client import AnswerSettings, ChatError
from cli.gateway_chat import GatewayChat
from tests.support.scripted_server import Answer, ScriptedServer, Seen

SETTINGS = AnswerSettings(max_tokens=8)
ASKED = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"}]
TURN: tuple[str, Any] = ("turn", {"answer": {"seq": 2}})
RECEIPT = {"prompt_tokens": 9, "completion_tokens": 2, "cached_tokens": 4, "decode_ms": 3.0}
DONE: tuple[str, Any] = ("done", {"answer": {"finish_reason": "stop", "receipt": RECEIPT}})


class Gateway:
    """A script: signs in, begins conversations, and answers turns with the events that are told."""

    def __init__(self, *events: tuple[str, Any]) -> None:
        self._events = events
        self.refusals = 0

    def __call__(self, seen: Seen) -> Answer:
        if seen.path == "/local/sign-in":
            return Answer(body=b'{"token": "t"}')
        if seen.path == "/v1/conversations":
            return Answer(201, b'{"id": "c1"}')
        if seen.path.endswith("/stop"):
            return Answer(202)
        if self.refusals:
            self.refusals -= 1
            return Answer(401, b'{"error": {"code": "unauthenticated", "message": "no"}}')
        lines = [f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in self._events]
        return Answer(body="".join(lines).encode())


Serve = Callable[..., ScriptedServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda *events: stack.enter_context(ScriptedServer(Gateway(*events)))


def paths(server: ScriptedServer) -> list[str]:
    return [seen.path for seen in server.seen]


def forgetful(server: ScriptedServer) -> Gateway:
    assert isinstance(server.script, Gateway)
    return server.script


def body(server: ScriptedServer, number: int) -> Any:
    return json.loads(server.seen[number].body)


def test_a_first_message_begins_a_conversation_and_the_second_goes_on(serve: Serve) -> None:
    server = serve(TURN, ("delta", {"text": "Hel"}), ("delta", {"text": "lo"}), DONE)
    chat = GatewayChat(server.url, "ada")
    answer = chat.ask("", ASKED, SETTINGS)
    assert list(answer) == ["Hel", "lo"]
    answer.close()
    assert answer.receipt.cached_tokens == 4
    longer = [*ASKED, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Ho"}]
    list(chat.ask("", longer, SETTINGS))
    assert paths(server) == [
        "/local/sign-in",
        "/v1/conversations",
        "/v1/conversations/c1/messages",
        "/v1/conversations/c1/messages",
    ]
    assert body(server, 1) == {"system": "Be brief."}
    assert body(server, 3)["content"] == "Ho"


def test_a_reset_gives_what_is_new_of_the_whole_text(serve: Serve) -> None:
    server = serve(TURN, ("delta", {"text": "Hel"}), ("reset", {"text": "Hello"}), DONE)
    assert list(GatewayChat(server.url, "ada").ask("", ASKED, SETTINGS)) == ["Hel", "lo"]


def test_an_error_is_raised_with_its_code(serve: Serve) -> None:
    server = serve(TURN, ("error", {"error": {"code": "backend_failed", "message": "It broke."}}))
    with pytest.raises(ChatError, match="It broke") as caught:
        list(GatewayChat(server.url, "ada").ask("", ASKED, SETTINGS))
    assert caught.value.code == "backend_failed"


def test_a_stream_that_ends_early_has_no_receipt(serve: Serve) -> None:
    answer = GatewayChat(serve(TURN, ("delta", {"text": "Hel"})).url, "ada").ask(
        "", ASKED, SETTINGS
    )
    list(answer)
    with pytest.raises(ChatError, match="ended before the answer did"):
        assert answer.receipt


def test_an_answer_left_in_the_middle_is_stopped_on_the_server(serve: Serve) -> None:
    server = serve(TURN, ("delta", {"text": "Hel"}), ("delta", {"text": "lo"}), DONE)
    answer = GatewayChat(server.url, "ada").ask("", ASKED, SETTINGS)
    assert next(iter(answer)) == "Hel"
    answer.close()
    assert paths(server)[-1] == "/v1/conversations/c1/messages/2/stop"


def test_one_that_has_ended_is_not_stopped(serve: Serve) -> None:
    server = serve(TURN, DONE)
    answer = GatewayChat(server.url, "ada").ask("", ASKED, SETTINGS)
    list(answer)
    answer.close()
    assert not paths(server)[-1].endswith("/stop")


def test_a_gateway_that_has_forgotten_who_signed_in_is_told_again(serve: Serve) -> None:
    server = serve(TURN, ("delta", {"text": "Hello"}), DONE)
    chat = GatewayChat(server.url, "ada")
    forgetful(server).refusals = 1
    assert list(chat.ask("", ASKED, SETTINGS)) == ["Hello"]
    assert paths(server).count("/local/sign-in") == 2


def test_one_that_refuses_again_is_believed(serve: Serve) -> None:
    server = serve(TURN, DONE)
    chat = GatewayChat(server.url, "ada")
    forgetful(server).refusals = 2
    with pytest.raises(ChatError) as caught:
        chat.ask("", ASKED, SETTINGS)
    assert caught.value.code == "unauthenticated"


def test_nobody_there_is_a_sentence() -> None:
    with pytest.raises(ChatError, match="no server answers at"):
        GatewayChat("http://127.0.0.1:9", "ada")
