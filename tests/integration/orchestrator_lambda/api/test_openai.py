"""OpenAI's endpoint."""

import json
import threading
from typing import Any

import pytest

from orchestrator_lambda.api.openai_stream import stateful_pieces
from orchestrator_lambda.api.openai_wire import Completion
from orchestrator_lambda.errors import BackendOverloaded
from orchestrator_lambda.sessions.interface import StreamEvent
from tests.integration.orchestrator_lambda.api.conftest import House
from tests.integration.orchestrator_lambda.api.test_resuming import held, until

PATH = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello?"}]


def chunks(text: str) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


def test_a_whole_answer(house: House) -> None:
    content = house.client().json("POST", PATH, {"messages": HELLO, "model": "keepwarm"})

    assert content["object"] == "chat.completion"
    assert content["choices"][0]["message"]["content"] == "Good day."
    assert content["choices"][0]["finish_reason"] == "stop"
    assert content["usage"]["total_tokens"] == 3
    assert content["receipt"]["backend"] == "scripted"


def test_a_stream_of_chunks(house: House) -> None:
    body = {"messages": HELLO, "stream": True, "stream_options": {"include_usage": True}}
    found = chunks(house.client().call("POST", PATH, body).text())

    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in found[:-2] if c["choices"])
    assert text == "Good day."
    assert found[-3]["choices"][0]["finish_reason"] == "stop"
    assert found[-2]["usage"]["completion_tokens"] == 2
    assert found[-1] == "[DONE]"
    assert len({chunk["id"] for chunk in found[:-1]}) == 1


def test_stateless_requests_of_one_talk_go_the_same_way(house: House) -> None:
    ann = house.client()
    ann.json("POST", PATH, {"messages": HELLO})
    longer = [*HELLO, {"role": "assistant", "content": "Hi."}, {"role": "user", "content": "?"}]
    ann.json("POST", PATH, {"messages": longer})
    other = house.client("eve")
    other.json("POST", PATH, {"messages": HELLO})

    first, second, third = (request.conversation_id for request in house.backend.requests)
    assert first == second != third


@pytest.mark.parametrize("by_header", [True, False])
def test_in_a_conversation_the_last_message_is_posted_and_the_history_is_ours(
    house: House, by_header: bool
) -> None:
    ann = house.client()
    talk = ann.new_conversation(system="Be brief.")
    headers = {"X-Conversation-Id": talk} if by_header else None
    body: dict[str, Any] = {"messages": HELLO}
    if not by_header:
        body["conversation_id"] = talk
    ann.json("POST", PATH, body, headers=headers)
    body["messages"] = [{"role": "user", "content": "And now?"}]
    body["stream"] = True

    found = chunks(ann.call("POST", PATH, body, headers=headers).text())

    assert found[-1] == "[DONE]"
    assert found[0]["conversation_id"] == talk
    sent = house.backend.requests[-1].messages
    assert [m.content for m in sent] == ["Be brief.", "Hello?", "Good day.", "And now?"]
    assert len(ann.shown(talk)) == 4


def test_parts_of_text_and_developers_are_understood(house: House) -> None:
    messages = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}],
        },
    ]
    house.client().json("POST", PATH, {"messages": messages})

    sent = house.backend.requests[-1].messages
    assert [(m.role, m.content) for m in sent] == [("system", "Be brief."), ("user", "Hello")]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"messages": []},
        {"messages": "hi"},
        {"messages": [{"role": "robot", "content": "hi"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
        {"messages": HELLO, "model": "gpt-9"},
        {"messages": HELLO, "n": 2},
        {"messages": HELLO, "tools": [{}]},
        {"messages": HELLO, "max_tokens": -1},
    ],
)
def test_what_cannot_be_done_is_refused_by_name(house: House, body: dict[str, Any]) -> None:
    answer = house.client().call("POST", PATH, body)

    assert answer.status == 400
    assert answer.json()["error"]["param"]


def test_an_overloaded_backend_is_a_status_where_nothing_was_streamed(house: House) -> None:
    house.backend.script = lambda request: [BackendOverloaded("full", retry_after_ms=2_000)]
    ann = house.client()
    talk = ann.new_conversation()

    stateless = ann.call("POST", PATH, {"messages": HELLO})
    stateful = ann.call("POST", PATH, {"messages": HELLO, "conversation_id": talk})

    assert stateless.status == stateful.status == 503
    assert stateful.json()["error"]["retry_after_ms"] == 2_000


def test_a_stream_that_breaks_says_so(house: House) -> None:
    house.backend.script = lambda request: ["Good ", BackendOverloaded("full")]

    found = chunks(house.client().call("POST", PATH, {"messages": HELLO, "stream": True}).text())

    assert found[-1]["error"]["code"] == "backend_overloaded"
    assert "[DONE]" not in found


def test_what_a_follower_must_say_anew_does_not_come_twice(house: House) -> None:
    """The same request comes again, follows the first one's answer, and a gap in the buffer makes
    it start over: a client of OpenAI's knows no reset."""
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    key = {"Idempotency-Key": "k-openai"}
    body = {"messages": HELLO, "stream": True, "conversation_id": talk}
    first = ann.call("POST", PATH, body, headers=key)
    first.abandon()
    until(lambda: house.history.message(talk, 2).text == "One ")

    again = ann.call("POST", PATH, body, headers=key)
    pieces = iter(again.response.body)
    found = b"".join(next(pieces) for _ in range(2))
    house.sessions.forget_events(talk, 2)
    gate.set()
    found += b"".join(piece for piece in pieces if isinstance(piece, bytes))

    read = chunks(found.decode())
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in read[:-1])
    assert text == "One and more."
    assert read[-1] == "[DONE]"


def test_an_answer_that_is_taken_back_ends_the_stream_with_an_error() -> None:
    completion = Completion(id="chatcmpl-1", model="keepwarm")
    events = iter(
        [StreamEvent(1, "delta", {"text": "a cat"}), StreamEvent(2, "reset", {"text": ""})]
    )

    read = chunks(b"".join(stateful_pieces(completion, events, False, "r-1")).decode())

    assert read[-1]["error"]["code"] == "backend_error"
    assert "[DONE]" not in read
