"""Plain HTTP: events, bad input, sessions."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import Any

import pytest
import requests

from tests.contract.conftest import Server, StartServer

TEXT = "Hello, world! How are you?"
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
JSON = {"Content-Type": "application/json; charset=utf-8"}
TIMEOUT = 30


def post(server: Server, path: str = "/invocations", **options: Any) -> requests.Response:
    return requests.post(server.url + path, timeout=TIMEOUT, **options)


def test_ping_is_200_and_empty(server: Server) -> None:
    response = server.ping()
    assert response is not None
    assert (response.status_code, response.content) == (200, b"")


def test_each_chunk_is_one_whole_event(server: Server) -> None:
    with post(server, json={**CHAT, "stream": True}, stream=True) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Transfer-Encoding"] == "chunked"
        chunks = list(response.raw.read_chunked())
    assert all(c.startswith(b"data: ") and c.endswith(b"\n\n") for c in chunks)
    assert all(c.count(b"\n\n") == 1 for c in chunks)
    assert chunks[-1] == b"data: [DONE]\n\n"
    assert "receipt" in json.loads(chunks[-2].removeprefix(b"data: "))


def test_the_inputs_format(server: Server) -> None:
    body = {"inputs": "hi", "parameters": {"max_new_tokens": 5, "return_full_text": True}}
    answer = post(server, json=body).json()
    assert answer[0]["generated_text"] == "hiHello"
    assert answer[0]["receipt"]["finish_reason"] == "length"


def test_the_inputs_format_streamed(server: Server) -> None:
    body = {"inputs": "hi", "stream": True, "parameters": {"max_new_tokens": 5}}
    events = [
        json.loads(line.removeprefix("data: "))
        for line in post(server, json=body).text.split("\n\n")
        if line
    ]
    assert "".join(event["token"]["text"] for event in events) == "Hello"
    assert events[-1]["generated_text"] == "Hello"
    assert events[-1]["details"]["finish_reason"] == "length"
    assert events[-1]["receipt"]["usage"]["completion_tokens"] == 5
    assert all(event["generated_text"] is None for event in events[:-1])


BAD_INPUT: list[tuple[str, Any, dict[str, str], int, str, str | None]] = [
    ("malformed JSON", b'{"messages": [}', JSON, 400, "invalid_json", None),
    ("no body", b"", JSON, 400, "invalid_json", None),
    ("invalid UTF-8", b'{"prompt": "\xff"}', JSON, 400, "invalid_json", None),
    ("a list", b"[1]", JSON, 400, "invalid_request", None),
    ("no known field", b"{}", JSON, 400, "invalid_request", None),
    ("nothing but brackets", b"[" * 50_000, JSON, 400, "invalid_json", None),
    ("wrong type", b'{"prompt": 3}', JSON, 400, "invalid_request", "prompt"),
    ("empty messages", b'{"messages": []}', JSON, 400, "invalid_request", "messages"),
    (
        "unknown role",
        b'{"messages": [{"role": "king", "content": ""}]}',
        JSON,
        400,
        "invalid_request",
        "messages[0].role",
    ),
    (
        "negative max_tokens",
        b'{"prompt": "a", "max_tokens": -1}',
        JSON,
        400,
        "invalid_request",
        "max_tokens",
    ),
    (
        "too long a prompt",
        json.dumps({"prompt": "x" * 9000}).encode(),
        JSON,
        400,
        "context_length_exceeded",
        "prompt",
    ),
    ("empty prompt", b'{"prompt": ""}', JSON, 400, "invalid_request", "prompt"),
    ("token ids of no token", b'{"prompt": [99999]}', JSON, 400, "invalid_request", "prompt"),
    ("7 MB", b"x" * 7_000_000, JSON, 413, "payload_too_large", None),
    ("an image", b"x", {"Content-Type": "image/png"}, 415, "unsupported_media_type", None),
    (
        "an unknown charset",
        b"{}",
        {"Content-Type": "application/json; charset=klingon"},
        415,
        "unsupported_media_type",
        None,
    ),
    (
        "an Accept nobody can meet",
        b'{"prompt": "a"}',
        {**JSON, "Accept": "image/png"},
        406,
        "not_acceptable",
        None,
    ),
]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code", "param"),
    [row[1:] for row in BAD_INPUT],
    ids=[row[0] for row in BAD_INPUT],
)
def test_bad_input_is_named_and_harms_nothing(
    server: Server, body: bytes, headers: dict[str, str], status: int, code: str, param: str | None
) -> None:
    response = post(server, data=body, headers=headers)
    assert response.status_code == status
    error = response.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert error["message"]
    assert post(server, json=CHAT).json()["choices"][0]["message"]["content"] == TEXT
    assert server.wait_for(lambda: server.metric("keepwarm:http_requests_active") == 0)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nContent-Length: -5\r\n\r\n", 400),
        (b"POST /invocations HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"GET /ping HTTP/1.1\r\nX-Long: " + b"x" * 20_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 414),
    ],
    ids=["no request", "a negative length", "a broken chunk", "a long header", "a long path"],
)
def test_what_is_no_http_gets_the_same_shape_of_error(
    server: Server, request_bytes: bytes, status: int
) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
        connection.sendall(request_bytes)
        response = http.client.HTTPResponse(connection)
        response.begin()
        error = json.loads(response.read())["error"]
    assert response.status == status
    assert {"code", "message", "param"} <= error.keys()
    assert post(server, json=CHAT).status_code == 200


def test_seven_megabytes_in_chunks_are_413_too(server: Server) -> None:
    response = post(server, data=(b"x" * 100_000 for _ in range(70)), headers=JSON)
    assert (response.status_code, response.json()["error"]["code"]) == (413, "payload_too_large")


def test_a_session_from_its_first_prompt_to_its_end(server: Server) -> None:
    name = "X-Amzn-SageMaker-Session-Id"
    opened = post(server, json=CHAT, headers={name: "NEW_SESSION"})
    session_id = opened.headers[name].split(";")[0]
    assert opened.json()["choices"][0]["message"]["content"] == TEXT
    history = {
        "messages": [
            *CHAT["messages"],
            {"role": "assistant", "content": TEXT},
            {"role": "user", "content": "and now?"},
        ]
    }
    streamed = post(server, json={**history, "stream": True}, headers={name: session_id})
    assert "[DONE]" in streamed.text
    assert f'"session":{{"id":"{session_id}"' in streamed.text
    closed = post(server, json={"requestType": "CLOSE"}, headers={name: session_id})
    assert closed.headers["X-Amzn-SageMaker-Closed-Session-Id"] == session_id
    gone = post(server, json=history, headers={name: session_id})
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "session_not_found")


def test_expired_sessions_say_to_send_the_history_again(
    start_server: StartServer, fake_model: Any
) -> None:
    server = start_server(fake_model("'x'"), {"SAGEMAKER_SESSIONS_EXPIRATION": "1"})
    name = "X-Amzn-SageMaker-Session-Id"
    session_id = post(server, json=CHAT, headers={name: "NEW_SESSION"}).headers[name].split(";")[0]

    def answer() -> requests.Response:
        return post(server, json=CHAT, headers={name: session_id})

    time.sleep(1.1)
    expired = answer()
    assert (expired.status_code, expired.json()["error"]["code"]) == (410, "session_expired")
    assert "NEW_SESSION" in expired.json()["error"]["message"]
