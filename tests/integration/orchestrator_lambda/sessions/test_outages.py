"""Redis away, slow, back again; in a cluster; behind TLS."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator_lambda.sessions.factory import make_sessions
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.no_sessions import NoSessions
from orchestrator_lambda.sessions.settings import SessionSettings
from tests.integration.orchestrator_lambda.sessions.conftest import connected, opened
from tests.support.redis_server import RedisServer, redis_server

EVENT = [StreamEvent(1, "delta", {"text": "a"})]


def until(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_degraded_answers(sessions: object) -> None:
    for own in [sessions]:
        assert own.acquire("c", "a", ttl_ms=1000) is True  # type: ignore[attr-defined]
        assert own.extend("c", "a", ttl_ms=1000) is True  # type: ignore[attr-defined]
        own.release("c", "a")  # type: ignore[attr-defined]
        assert own.held("c") is None  # type: ignore[attr-defined]
        assert own.append("c", 2, 1, EVENT) is False  # type: ignore[attr-defined]
        assert own.read("c", 2, after=0, block_ms=100) is None  # type: ignore[attr-defined]
        assert own.request_stop("c", 2) is False  # type: ignore[attr-defined]
        assert own.stop_requested("c", 2) is None  # type: ignore[attr-defined]
        assert own.take_request("u") == 0  # type: ignore[attr-defined]
        assert own.tokens_left_today("u") is None  # type: ignore[attr-defined]
        own.spend_tokens("u", 5, spend_id="t")  # type: ignore[attr-defined]
        assert own.endpoint_session("c") is None  # type: ignore[attr-defined]
        own.keep_endpoint_session("c", "s", ttl_s=5)  # type: ignore[attr-defined]
        assert own.home("c") is None  # type: ignore[attr-defined]
        own.keep_home("c", "h", ttl_s=5)  # type: ignore[attr-defined]
        own.drop_home("c")  # type: ignore[attr-defined]
        own.forget("c")  # type: ignore[attr-defined]
        assert own.degraded is True  # type: ignore[attr-defined]


def test_a_redis_that_dies_gives_degraded_answers_and_comes_back(server: RedisServer) -> None:
    own = connected(server.url, tokens_per_day=10)
    assert own.append("c", 2, 1, EVENT)
    server.kill()

    assert_degraded_answers(own)

    server.start()  # empty: buffers and scripts are gone
    until(lambda: own.held("c") is False)
    assert not own.degraded
    assert own.append("c", 2, 1, EVENT)
    assert own.read("c", 2, after=0, block_ms=0) == EVENT


def test_while_it_is_left_alone_nobody_waits_for_it() -> None:
    """A server that takes connections and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        own = connected(url, command_seconds=0.05, failures=2, pause_seconds=60.0)
        own.held("c")
        own.held("c")

        began = time.monotonic()
        assert_degraded_answers(own)
        assert time.monotonic() - began < 1.0


def test_the_limit_of_this_process_holds_while_redis_is_away() -> None:
    own = connected("redis://127.0.0.1:1", rate_requests=2, rate_per_minute=1.0)

    assert [own.take_request("u") for _ in range(2)] == [0, 0]
    assert own.take_request("u") > 0
    assert own.take_request("v") == 0


def test_without_a_url_the_answers_are_degraded_for_ever() -> None:
    own = make_sessions("", SessionSettings())
    assert isinstance(own, NoSessions)
    assert_degraded_answers(own)


def test_a_reader_that_waits_when_redis_dies_is_let_go(server: RedisServer) -> None:
    own = connected(server.url)
    own.append("c", 2, 1, EVENT)
    threading.Timer(0.2, server.kill).start()

    assert own.read("c", 2, after=1, block_ms=20_000) is None


def test_after_a_reset_connections_are_made_anew(server: RedisServer) -> None:
    own = connected(server.url)
    own.append("c", 2, 1, EVENT)
    own.reset()
    assert own.read("c", 2, after=0, block_ms=0) == EVENT


def test_a_cluster_takes_every_command(tmp_path: Path) -> None:
    with redis_server(tmp_path, "--cluster-enabled", "yes") as server:
        client = server.client()
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", "0", "16383")
        until(lambda: "cluster_state:ok" in str(client.execute_command("CLUSTER", "INFO")))
        for own in opened(server.url, cluster=True, tokens_per_day=10):
            assert own.acquire("c", "a", ttl_ms=60_000)
            assert own.append("c", 2, 1, EVENT)
            assert own.read("c", 2, after=0, block_ms=0) == EVENT
            assert own.read("c", 2, after=1, block_ms=20) == []
            assert own.take_request("u") == 0
            own.spend_tokens("u", 4, spend_id="t")
            assert own.tokens_left_today("u") == 6
            own.forget("c")
            assert own.held("c") is False
            assert not own.degraded


def test_a_cluster_that_is_down_at_the_start_harms_nobody() -> None:
    assert_degraded_answers(connected("redis://127.0.0.1:1", cluster=True))


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A certificate of our own for 127.0.0.1, signed by itself."""
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return tmp_path


@pytest.fixture
def tls_server(certificates: Path) -> Iterator[RedisServer]:
    options = (
        *("--tls-cert-file", str(certificates / "cert.pem")),
        *("--tls-key-file", str(certificates / "key.pem")),
        *("--tls-ca-cert-file", str(certificates / "cert.pem"), "--tls-auth-clients", "no"),
    )
    with redis_server(certificates, *options, scheme="rediss") as server:
        yield server


def test_a_trusted_certificate_opens_a_connection(
    tls_server: RedisServer, certificates: Path
) -> None:
    own = connected(tls_server.url, ca_file=str(certificates / "cert.pem"))
    assert own.acquire("c", "a", ttl_ms=1000)
    assert not own.degraded


def test_a_certificate_nobody_knows_does_not(tls_server: RedisServer) -> None:
    own = connected(tls_server.url)
    assert own.held("c") is None
    assert own.degraded
