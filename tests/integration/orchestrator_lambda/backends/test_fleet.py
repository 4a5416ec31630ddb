"""The fleet over real sockets: every way in which a connection can end."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestrator_lambda.backends.connections import Limits
from orchestrator_lambda.backends.failures import AnswerBroken, reason_of
from orchestrator_lambda.backends.fleet import FleetBackend
from orchestrator_lambda.backends.interface import Receipt
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    InvalidRequest,
    OrchestratorError,
)
from tests.integration.orchestrator_lambda.backends.raw_server import (
    CHUNKED,
    HEAD,
    RawServer,
    chunk,
    reset,
)
from tests.support.scripted_server import Answer, Script, ScriptedServer
from tests.unit.orchestrator_lambda.backends.builders import delta, request, stream, texts

WAIT_S = 20.0
Scripted = Callable[[Script], ScriptedServer]
RAW = b"".join(stream("Grü", "ße 👋"))


def fleet(url: str, stall_s: float = 20.0, connect_s: float = 2.0) -> FleetBackend:
    return FleetBackend("fleet", url, limits=Limits(stall_s=stall_s, connect_s=connect_s))


def failure(backend: FleetBackend, **fields: Any) -> tuple[str, OrchestratorError]:
    items: list[Any] = []
    with pytest.raises(OrchestratorError) as caught:
        items.extend(backend.generate(request(**fields)))
    return texts(items), caught.value


def raw_failure(script: Callable[[socket.socket], None], **limits: float) -> tuple[str, str]:
    with RawServer(script) as server:
        text, error = failure(fleet(server.url, **limits))
    return text, reason_of(error)


def test_an_answer_comes_through(scripted: Scripted) -> None:
    server = scripted(lambda seen: Answer(chunks=stream("Par", "is")))
    items = list(fleet(server.url).generate(request(trace={"traceparent": "00-1-2-01"})))
    assert texts(items) == "Paris"
    assert isinstance(items[-1], Receipt) and items[-1].backend == "fleet"
    seen = server.seen[0]
    assert (seen.method, seen.path) == ("POST", "/invocations")
    assert seen.headers["traceparent"] == "00-1-2-01"
    assert seen.headers["accept"] == "text/event-stream"
    assert len(seen.headers["x-keepwarm-routing-id"]) == 64


def test_the_path_of_the_url_is_used(scripted: Scripted) -> None:
    server = scripted(lambda seen: Answer(chunks=stream("a")))
    list(fleet(f"{server.url}/v1/chat/completions").generate(request()))
    assert server.seen[0].path == "/v1/chat/completions"


def test_whole_answers_without_chunks_are_read_too(scripted: Scripted) -> None:
    server = scripted(lambda seen: Answer(body=RAW))
    assert texts(fleet(server.url).generate(request())) == "Grüße 👋"


def test_connections_are_kept_and_used_again(scripted: Scripted) -> None:
    server = scripted(lambda seen: Answer(chunks=stream("a")))
    backend = fleet(server.url)
    for _ in range(5):
        list(backend.generate(request()))
    assert backend._pool.num_connections == 1


@pytest.mark.parametrize(
    ("status", "body", "headers", "kind", "retry_after_ms"),
    [
        (429, {"code": "overloaded", "retry_after_ms": 250}, {}, BackendOverloaded, 250),
        (429, None, {"Retry-After": "3"}, BackendOverloaded, 3000),
        (429, None, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, BackendOverloaded, 1000),
        (400, {"code": "invalid_request", "message": "m"}, {}, InvalidRequest, None),
        (401, None, {}, BackendError, None),
        (404, None, {}, BackendError, None),
        (301, None, {"Location": "http://127.0.0.1:9/"}, BackendError, None),
        (204, None, {}, BackendError, None),
        (500, {"code": "generation_failed"}, {}, BackendError, None),
        (502, None, {}, BackendUnavailable, None),
        (503, None, {"Retry-After": "2"}, BackendUnavailable, 2000),
        (503, {"code": "draining", "retry_after_ms": 70}, {}, BackendUnavailable, 70),
        (504, None, {}, BackendUnavailable, None),
    ],
)
def test_refusals(
    scripted: Scripted,
    status: int,
    body: Any,
    headers: dict[str, str],
    kind: type[OrchestratorError],
    retry_after_ms: int | None,
) -> None:
    content = b"<html>gateway</html>" if body is None else json.dumps({"error": body}).encode()
    server = scripted(lambda seen: Answer(status, content, headers))
    _, error = failure(fleet(server.url))
    assert type(error) is kind
    assert error.retry_after_ms == retry_after_ms
    assert len(server.seen) == 1


def test_nobody_listens() -> None:
    assert isinstance(failure(fleet("http://127.0.0.1:9"))[1], BackendUnavailable)


def test_a_name_that_leads_nowhere() -> None:
    assert isinstance(failure(fleet("http://nobody.invalid"))[1], BackendUnavailable)


def test_an_answer_that_is_no_tls_where_there_should_be() -> None:
    with RawServer(lambda connection: None) as server:
        backend = fleet(server.url.replace("http:", "https:"), connect_s=0.3)
        assert isinstance(failure(backend)[1], BackendError)


@pytest.mark.parametrize("end", range(0, len(RAW), 23))
def test_truncation_at_any_byte_is_told_from_an_end(end: int) -> None:
    def cut_short(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + chunk(RAW[:end]) + b"0\r\n\r\n" if end else CHUNKED)

    with RawServer(cut_short) as server:
        items: list[Any] = []
        try:
            items.extend(fleet(server.url).generate(request()))
        except AnswerBroken as error:
            assert error.reason in ("truncated", "reset")
            assert "Grüße 👋".startswith(texts(items))
        else:
            assert texts(items) == "Grüße 👋" and b"receipt" in RAW[:end]


def test_a_body_of_less_than_its_length_is_broken() -> None:
    short = delta("Par")

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 4000\r\n\r\n" + short)

    assert raw_failure(send) == ("Par", "reset")


def test_a_reset_in_the_middle() -> None:
    def send(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + chunk(delta("Par")))
        threading.Event().wait(0.1)  # the text is to arrive before the reset overtakes it
        reset(connection)

    assert raw_failure(send) == ("Par", "reset")


def test_a_reset_before_the_first_byte() -> None:
    assert raw_failure(reset) == ("", "reset")


def test_silence_before_and_within_an_answer() -> None:
    def never(connection: socket.socket) -> None:
        connection.recv(1)

    def at_first(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + chunk(delta("Par")))
        connection.recv(1)

    assert raw_failure(never, stall_s=0.2) == ("", "stalled")
    assert raw_failure(at_first, stall_s=0.2) == ("Par", "stalled")


@pytest.mark.parametrize(
    "noise",
    [b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"],
)
def test_noise_instead_of_http(noise: bytes) -> None:
    text, reason = raw_failure(lambda connection: connection.sendall(noise))
    assert text == ""
    assert reason in ("reset", "backend_unavailable", "truncated")


def test_closing_ends_a_read_and_the_connection() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + chunk(delta("Par")))
        server.wait_until_left(connection)

    with RawServer(script) as server:
        generation = fleet(server.url).generate(request())
        items = iter(generation)
        next(items)
        threading.Timer(0.1, generation.close).start()
        with pytest.raises(AnswerBroken) as broken:
            list(items)
        assert broken.value.reason == "cancelled"
        assert server.left.wait(WAIT_S)


def test_closing_before_the_first_byte_does_not_wait_for_it() -> None:
    def script(connection: socket.socket) -> None:
        server.wait_until_left(connection)

    with RawServer(script) as server:
        generation = fleet(server.url, stall_s=1.0).generate(request())
        threading.Timer(0.1, generation.close).start()
        with pytest.raises(AnswerBroken) as broken:
            list(generation)
        assert broken.value.reason == "cancelled"
        assert server.left.wait(WAIT_S)


def test_the_deadline_cuts_a_stream_of_heartbeats() -> None:
    stop = threading.Event()

    def beats(connection: socket.socket) -> None:
        connection.sendall(CHUNKED)
        while not stop.wait(0.02):
            connection.sendall(chunk(b": waiting\n\n"))

    with RawServer(beats) as server:
        _, error = failure(fleet(server.url), deadline_ms=200)
    stop.set()
    assert reason_of(error) == "deadline"


def test_many_at_once() -> None:
    def script(connection: socket.socket) -> None:
        connection.sendall(CHUNKED + b"".join(chunk(piece) for piece in stream("Par", "is")))
        connection.sendall(b"0\r\n\r\n")

    found: list[str] = []
    with RawServer(script) as server:
        backend = fleet(server.url)
        threads = [
            threading.Thread(target=lambda: found.append(texts(backend.generate(request()))))
            for _ in range(24)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
    assert found == ["Paris"] * 24
