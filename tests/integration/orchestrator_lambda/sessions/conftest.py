from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator_lambda.sessions.factory import make_sessions
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from orchestrator_lambda.sessions.settings import SessionSettings
from tests.support.redis_server import RedisServer, redis_server

PATIENT = SessionSettings(command_seconds=2.0, connect_seconds=2.0, pause_seconds=0.1)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """One that the test may kill."""
    with redis_server(tmp_path) as own:
        yield own


@pytest.fixture
def sessions(shared_server: RedisServer) -> Iterator[RedisSessions]:
    yield from opened(shared_server.url)


def opened(url: str, **changes: object) -> Iterator[RedisSessions]:
    made = connected(url, **changes)
    yield made
    made.reset()


def connected(url: str, **changes: object) -> RedisSessions:
    made = make_sessions(url, replace(PATIENT, **changes))  # type: ignore[arg-type]
    assert isinstance(made, RedisSessions)
    return made
