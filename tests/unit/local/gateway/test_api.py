"""What happens to a request and its answer between client and function."""

from __future__ import annotations

import base64
import http.client
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from local.gateway.server import Gateway
from local.lambda_answer import StreamBroken
from local.lambda_function import Throttled
from tests.support.fake_function import FakeFunction, call

Open = Callable[..., Gateway]


def test_an_answer_comes_as_the_function_gave_it(gateway: Gateway) -> None:
    answer = call(gateway, "GET", "/v1/health")
    assert (answer.status, answer.body) == (200, b"one two")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["transfer-encoding"] == "chunked"


def test_the_function_gets_the_event_of_a_rest_api(
    gateway: Gateway, function: FakeFunction
) -> None:
    call(gateway, "POST", "/v1/a%20b?x=1&x=2&y=%C3%A9", b'{"n": 1}', {"User-Agent": "test"})
    (event,) = function.events
    assert (event["httpMethod"], event["path"]) == ("POST", "/v1/a%20b")
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["é"]}
    assert event["queryStringParameters"] == {"x": "2", "y": "é"}
    assert (event["body"], event["isBase64Encoded"]) == ('{"n": 1}', False)
    assert event["pathParameters"] == {"proxy": "v1/a%20b"}
    assert event["requestContext"]["stage"] == "prod"
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
    assert event["requestContext"]["identity"]["userAgent"] == "test"


def test_a_body_that_is_no_text_comes_in_base64(gateway: Gateway, function: FakeFunction) -> None:
    call(gateway, "POST", "/v1/x", b"\xff\x00")
    (event,) = function.events
    assert event["isBase64Encoded"]
    assert base64.b64decode(event["body"]) == b"\xff\x00"


def test_a_chunked_body_is_put_together(gateway: Gateway, function: FakeFunction) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=10)
    connection.request("POST", "/v1/x", iter([b"ab", b"cd"]), {}, encode_chunked=True)
    assert connection.getresponse().status == 200
    connection.close()
    assert function.events[0]["body"] == "abcd"


def test_what_is_of_one_hop_alone_is_stripped_on_the_way_in(
    gateway: Gateway, function: FakeFunction
) -> None:
    sent = {
        "Connection": "keep-alive, X-Mine",
        "X-Mine": "1",
        "TE": "trailers",
        "Upgrade": "h2c",
        "Proxy-Authorization": "Basic x",
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Proto": "ftp",
        "X-Real-IP": "1.2.3.4",
        "Authorization": "Bearer t",
        "X-Kept": "yes",
    }
    call(gateway, "GET", "/v1/x", headers=sent)
    got = {name.lower(): value for name, value in function.events[0]["headers"].items()}
    assert not {"connection", "x-mine", "te", "upgrade", "proxy-authorization"} & set(got)
    assert "x-real-ip" not in got
    assert (got["authorization"], got["x-kept"]) == ("Bearer t", "yes")
    assert got["x-forwarded-for"] == "198.51.100.7, 127.0.0.1, 10.0.0.10"
    assert (got["x-forwarded-proto"], got["x-forwarded-port"]) == ("https", "443")
    assert got["host"].endswith(".execute-api.us-east-1.amazonaws.com")
    assert {"via", "x-amz-cf-id", "x-amzn-trace-id"} <= set(got)


def test_a_trace_that_came_along_is_gone_on_with(gateway: Gateway, function: FakeFunction) -> None:
    call(gateway, "GET", "/v1/x", headers={"X-Amzn-Trace-Id": "Root=1-a-b"})
    assert function.events[0]["headers"]["X-Amzn-Trace-Id"].endswith(";Root=1-a-b")


def test_headers_of_the_answer_are_stripped_renamed_and_added(
    gateway: Gateway, function: FakeFunction
) -> None:
    function.headers += [
        ("Connection", "X-Hop"),
        ("X-Hop", "1"),
        ("Transfer-Encoding", "chunked"),
        ("WWW-Authenticate", "Bearer"),
        ("Server", "mine"),
        ("X-Kept", "yes"),
    ]
    got = call(gateway, "GET", "/v1/x").headers
    assert "x-hop" not in got
    assert "www-authenticate" not in got
    assert (got["x-amzn-remapped-www-authenticate"], got["x-kept"]) == ("Bearer", "yes")
    assert got["x-amzn-remapped-server"] == "mine"
    assert got["x-cache"] == "Miss from cloudfront"
    assert {"via", "x-amz-cf-id", "x-amz-cf-pop", "x-amzn-requestid", "date"} <= set(got)


def test_an_answer_that_would_begin_another_header_is_not_passed_on(
    gateway: Gateway, function: FakeFunction
) -> None:
    function.headers = [("X-Bad", "a\r\nSet-Cookie: b")]
    answer = call(gateway, "GET", "/v1/x")
    assert answer.status == 502
    assert "set-cookie" not in answer.headers


def test_a_head_request_gets_no_body(gateway: Gateway) -> None:
    assert call(gateway, "HEAD", "/v1/x").body == b""


def test_a_stream_reaches_an_old_client_without_chunks(gateway: Gateway) -> None:
    with socket.create_connection(gateway.server_address[:2], 10) as client:
        client.sendall(b"GET /v1/x HTTP/1.0\r\n\r\n")
        data = b"".join(iter(lambda: client.recv(4096), b""))
    head, _, body = data.partition(b"\r\n\r\n")
    assert body == b"one two"
    assert b"chunked" not in head


class TestLimits:
    @pytest.mark.parametrize("length", [64, 65])
    def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(
        self, open_gateway: Open, length: int
    ) -> None:
        answer = call(open_gateway(body_limit=64), "POST", "/v1/x", b"x" * length)
        assert answer.status == (200 if length == 64 else 413)

    def test_a_chunked_body_has_the_same_limit(self, open_gateway: Open) -> None:
        gateway = open_gateway(body_limit=64)
        connection = http.client.HTTPConnection("127.0.0.1", gateway.server_address[1], timeout=10)
        connection.request("POST", "/v1/x", iter([b"x" * 65]), {}, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()

    def test_what_is_too_large_for_the_function_is_refused(self, gateway: Gateway) -> None:
        answer = call(gateway, "POST", "/v1/x", b"x" * (6 * 1024 * 1024))
        assert (answer.status, answer.json) == (413, {"message": "Request Too Long"})

    def test_an_address_that_is_too_long_is_refused(
        self, gateway: Gateway, function: FakeFunction
    ) -> None:
        assert call(gateway, "GET", "/v1/" + "a" * 8190).status == 414
        assert function.events == []

    def test_a_get_has_no_body(self, gateway: Gateway) -> None:
        assert call(gateway, "GET", "/v1/x", b"body").status == 403

    def test_a_stream_is_held_to_a_rate_after_its_first_bytes(
        self, open_gateway: Open, function: FakeFunction
    ) -> None:
        function.pieces = lambda: iter([b"x" * 10] * 3)
        answer = call(open_gateway(full_speed_bytes=10, slow_rate=1e6), "GET", "/v1/x")
        assert answer.body == b"x" * 30


class TestTime:
    def test_a_function_that_says_nothing_is_a_504(
        self, open_gateway: Open, function: FakeFunction
    ) -> None:
        over = threading.Event()

        def waits(event: object) -> None:
            over.wait(10)

        function.invoke_streaming = waits  # type: ignore[assignment,method-assign]
        assert call(open_gateway(idle_s=0.1), "GET", "/v1/x").status == 504
        over.set()

    @pytest.mark.parametrize("limits", [{"idle_s": 0.1}, {"integration_s": 0.1}])
    def test_a_pause_that_is_too_long_ends_the_stream_short(
        self, open_gateway: Open, function: FakeFunction, limits: dict[str, float]
    ) -> None:
        over = threading.Event()

        def pieces() -> Iterator[bytes]:
            yield b"one "
            over.wait(10)
            yield b"two"

        function.pieces = pieces
        with pytest.raises(http.client.IncompleteRead) as caught:
            call(open_gateway(**limits), "GET", "/v1/x")
        assert caught.value.partial == b"one "
        over.set()

    def test_a_client_that_leaves_does_not_stop_the_function(
        self, gateway: Gateway, function: FakeFunction
    ) -> None:
        left, finished = threading.Event(), threading.Event()

        def pieces() -> Iterator[bytes]:
            yield b"one"
            left.wait(10)
            for _ in range(50):
                yield b"more" * 1000
            finished.set()

        function.pieces = pieces
        with socket.create_connection(gateway.server_address[:2], 10) as client:
            client.sendall(b"GET /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n")
            client.recv(64)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        left.set()
        assert finished.wait(10)


class TestFailures:
    def test_all_environments_busy(self, gateway: Gateway, function: FakeFunction) -> None:
        function.failure = Throttled("busy")
        assert call(gateway, "GET", "/v1/x").status == 429

    def test_a_function_that_cannot_be_run(self, gateway: Gateway, function: FakeFunction) -> None:
        function.failure = RuntimeError("secret")
        answer = call(gateway, "GET", "/v1/x")
        assert (answer.status, answer.json) == (502, {"message": "Internal server error"})

    def test_a_function_that_dies_in_mid_answer_ends_the_stream_short(
        self, gateway: Gateway, function: FakeFunction
    ) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"one "
            raise StreamBroken("Runtime.ExitError")

        function.pieces = pieces
        with pytest.raises(http.client.IncompleteRead):
            call(gateway, "GET", "/v1/x")

    def test_a_status_that_is_none(self, gateway: Gateway, function: FakeFunction) -> None:
        function.status = 99
        assert call(gateway, "GET", "/v1/x").status == 502
