"""The session store's user, in a real Redis: all that turns need, and nothing beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from infrastructure.data.access import access_string
from orchestrator_lambda.sessions.factory import make_sessions
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from orchestrator_lambda.sessions.settings import SessionSettings
from tests.support.live_server import wait_until
from tests.support.redis_server import RedisServer, free_port, redis_server

USER, PASSWORD = "chat", "of-this-test"
ALL_SLOTS = ("CLUSTER", "ADDSLOTSRANGE", 0, 16383)


@pytest.fixture(params=["nodes", "serverless"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[RedisServer, bool]]:
    """A server that knows the user, and whether it is a cluster."""
    cluster = request.param == "serverless"
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port())) if cluster else ()
    with redis_server(tmp_path, *options) as server:
        admin = server.client()
        if cluster:
            admin.execute_command(*ALL_SLOTS)
        rights = access_string("redis", cluster=cluster).split()
        admin.execute_command("ACL", "SETUSER", USER, "reset", *rights, f">{PASSWORD}")
        yield server, cluster


@pytest.fixture
def sessions(store: tuple[RedisServer, bool]) -> Iterator[RedisSessions]:
    server, cluster = store
    wait_for_cluster(server, cluster)
    settings = SessionSettings(
        cluster=cluster, command_seconds=2.0, connect_seconds=2.0, tokens_per_day=1000
    )
    made = make_sessions(url_of(server), settings)
    assert isinstance(made, RedisSessions)
    yield made
    made.reset()


def url_of(server: RedisServer) -> str:
    return f"redis://{USER}:{PASSWORD}@127.0.0.1:{server.port}"


def wait_for_cluster(server: RedisServer, cluster: bool) -> None:
    if cluster:
        admin = server.client()
        wait_until(lambda: admin.execute_command("CLUSTER INFO")["cluster_state"] == "ok")


def use_everything(sessions: RedisSessions) -> list[Any]:
    """Every method of the sessions, and what says that it was Redis that answered."""
    talk, events = "c_1", [StreamEvent(1, "delta", {"text": "a"}, 1)]
    return [
        sessions.acquire(talk, "a", ttl_ms=60_000),
        sessions.held(talk),
        sessions.extend(talk, "a", ttl_ms=60_000),
        sessions.append(talk, 2, 1, events),
        sessions.append(talk, 2, 1, events),
        len(sessions.read(talk, 2, after=0, block_ms=0) or ()) == 1,
        sessions.read(talk, 2, after=1, block_ms=20) == [],
        sessions.request_stop(talk, 2),
        sessions.stop_requested(talk, 2),
        sessions.take_request("u_1") == 0,
        sessions.spend_tokens("u_1", 10, spend_id="s") is None,
        sessions.tokens_left_today("u_1") == 990,
        sessions.keep_endpoint_session(talk, "e", ttl_s=60) is None,
        sessions.endpoint_session(talk) == "e",
        sessions.keep_home(talk, "h", ttl_s=60) is None,
        sessions.home(talk) == "h",
        sessions.drop_home(talk) is None,
        sessions.release(talk, "a") is None,
        sessions.forget(talk) is None,
        sessions.held(talk) is False,
    ]


def test_the_user_may_do_all_that_turns_need(
    sessions: RedisSessions, store: tuple[RedisServer, bool]
) -> None:
    assert use_everything(sessions) == [True] * 20
    assert not sessions.degraded
    refusals = store[0].client().execute_command("ACL", "LOG")
    assert refusals == []


@pytest.mark.parametrize(
    "command",
    [
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("FLUSHALL",),
        ("CONFIG", "GET", "*"),
        ("EVAL", "return 1", "0"),
        ("MONITOR",),
        ("ACL", "LIST"),
        ("GET", "somebody-elses"),
        ("SET", "somebody-elses", "1"),
    ],
)
def test_and_nothing_else(store: tuple[RedisServer, bool], command: tuple[str, ...]) -> None:
    client = redis.Redis.from_url(url_of(store[0]))
    with pytest.raises(redis.exceptions.NoPermissionError):
        client.execute_command(*command)
