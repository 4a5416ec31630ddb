"""Whom a path belongs to, who may send what, and what the page is told."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from local.gateway.server import Gateway
from tests.support.fake_function import FakeFunction, call

Open = Callable[..., Gateway]
JSON = {"Content-Type": "application/json"}


def raw(gateway: Gateway, request: bytes) -> tuple[int, dict[str, Any]]:
    """Status and JSON body of what a request gets that no client library would send."""
    with socket.create_connection(gateway.server_address[:2], 10) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: client.recv(4096), b""))
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body.startswith(b"{") else {}


class TestWhoMayAsk:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1:8080", "localhost", "LOCALHOST:1", "chat.localhost:99", "[::1]:80"]
    )
    def test_names_of_this_machine_are_answered(self, gateway: Gateway, host: str) -> None:
        assert call(gateway, "GET", "/config.json", headers={"Host": host}).status == 200

    @pytest.mark.parametrize(
        "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "10.0.0.1", "x y"]
    )
    def test_any_other_name_is_refused(
        self, gateway: Gateway, function: FakeFunction, host: str
    ) -> None:
        for path in ("/config.json", "/v1/x", "/"):
            answer = call(gateway, "GET", path, headers={"Host": host})
            assert answer.status == 403
            assert "127.0.0.1 and localhost only" in answer.json["message"]
        assert function.events == []

    def test_one_host_header_is_needed(self, gateway: Gateway) -> None:
        assert raw(gateway, b"GET /config.json HTTP/1.1\r\n\r\n")[0] == 400
        two = b"GET /config.json HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n"
        assert raw(gateway, two)[0] == 400

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 200),
            ({"Sec-Fetch-Site": "same-origin"}, 200),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Origin": "http://evil.example"}, 403),
            ({"Origin": "null"}, 403),
            ({"Origin": "https://127.0.0.1"}, 403),
        ],
    )
    def test_another_pages_script_cannot_sign_in(
        self, gateway: Gateway, headers: dict[str, str], status: int
    ) -> None:
        answer = call(gateway, "POST", "/local/sign-in", '{"user": "ada"}', JSON | headers)
        assert answer.status == status

    def test_its_own_page_may(self, gateway: Gateway) -> None:
        own = {"Origin": gateway.url}
        assert call(gateway, "POST", "/local/sign-in", '{"user": "ada"}', JSON | own).status == 200


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"BREW /v1/x HTTP/1.1\r\nHost: localhost\r\n\r\n", 405),
        (b"GET x HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nshort", 400),
        (b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
        (
            b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            400,
        ),
        (b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (
            b"POST /v1/x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
        ),
    ],
)
def test_a_malformed_request_never_reaches_the_function(
    gateway: Gateway, function: FakeFunction, request_: bytes, status: int
) -> None:
    got, body = raw(gateway, request_)
    assert (got, "message" in body) == (status, True)
    assert function.events == []


def test_an_absolute_target_is_its_path(gateway: Gateway, function: FakeFunction) -> None:
    raw(gateway, b"GET http://localhost/v1/x?a=1 HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert function.events[0]["path"] == "/v1/x"


class TestSignIn:
    def test_a_token_is_what_the_key_set_says(self, gateway: Gateway) -> None:
        signed = call(gateway, "POST", "/local/sign-in", '{"user": " Ada "}', JSON).json
        keys = call(gateway, "GET", "/local/.well-known/jwks.json").json
        key = jwt.PyJWK(keys["keys"][0])
        claims = jwt.decode(signed["token"], key, algorithms=["ES256"], audience="keepwarm-local")
        assert (claims["sub"], claims["username"], signed["user"]) == ("ada", "Ada", "Ada")
        assert claims["exp"] * 1000 == signed["expires_ms"]
        assert "d" not in keys["keys"][0]

    @pytest.mark.parametrize(
        "body", ["", "[]", "{}", '{"user": ""}', '{"user": 5}', '{"user": "a\\nb"}', "[" * 9999]
    )
    def test_what_is_no_name_is_refused(self, gateway: Gateway, body: str) -> None:
        answer = call(gateway, "POST", "/local/sign-in", body, JSON)
        assert (answer.status, answer.json["error"]["code"]) == (400, "invalid_request")

    def test_discovery_names_the_issuer(self, gateway: Gateway) -> None:
        document = call(gateway, "GET", "/local/.well-known/openid-configuration").json
        assert document["issuer"] == "https://keepwarm.localhost/local"


def test_the_page_is_told_where_things_are(gateway: Gateway) -> None:
    config = call(gateway, "GET", "/config.json").json
    assert config["api"] == "/v1"
    assert config["identity"] == {"kind": "local", "sign_in": "/local/sign-in"}
    assert config["hood"] == {"snapshot": "/hood/snapshot", "events": "/hood/events"}
    assert config["version"]


def test_faults_can_be_changed_while_it_runs(gateway: Gateway) -> None:
    faults = '{"faults": [{"kind": "status", "status": 503, "times": 1}]}'
    assert call(gateway, "POST", "/local/faults", faults, JSON).status == 200
    assert [call(gateway, "GET", "/v1/x").status for _ in range(2)] == [503, 200]
    assert call(gateway, "GET", "/local/faults").json == {"faults": [], "happened": {"status": 1}}
    call(gateway, "POST", "/local/faults", '{"faults": [{"kind": "status"}]}', JSON)
    assert call(gateway, "DELETE", "/local/faults").json["faults"] == []
    assert call(gateway, "GET", "/v1/x").status == 200


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "[]",
        '{"faults": 1}',
        '{"faults": [1]}',
        '{"faults": [{"kind": "x"}]}',
        '{"faults": [{"kind": "cut", "path": 5}]}',
        '{"faults": [{"kind": "cut", "no": 5}]}',
    ],
)
def test_what_is_no_fault_changes_nothing(gateway: Gateway, body: str) -> None:
    assert call(gateway, "POST", "/local/faults", body, JSON).status == 400
    assert call(gateway, "GET", "/v1/x").status == 200


def test_a_wrong_method_is_told_the_right_ones(gateway: Gateway) -> None:
    answer = call(gateway, "PUT", "/local/faults")
    assert (answer.status, answer.headers["allow"]) == (405, "HEAD, DELETE, GET, POST")


@pytest.mark.parametrize("path", ["/hood/nothing", "/local/nothing"])
def test_what_is_nowhere_is_not_the_page(gateway: Gateway, path: str) -> None:
    assert call(gateway, "GET", path).status == 404


def test_without_a_built_page_it_says_how_to_build_one(gateway: Gateway) -> None:
    answer = call(gateway, "GET", "/")
    assert answer.status == 503
    assert b"make web" in answer.body


def test_the_page_is_served(open_gateway: Open, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<h1>page</h1>")
    gateway = open_gateway(web=tmp_path)
    for path in ("/", "/under-the-hood", "/c/123"):
        answer = call(gateway, "GET", path)
        assert (answer.status, answer.body) == (200, b"<h1>page</h1>")
    assert call(gateway, "HEAD", "/").body == b""
