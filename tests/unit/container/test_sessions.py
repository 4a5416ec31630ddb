"""Stateful sessions on a clock of the test's own."""

from __future__ import annotations

import threading

import pytest

from container.errors import SessionExpired, SessionNotFound
from container.sessions import SessionStore
from serving.errors import InvalidRequest


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> SessionStore:
    return SessionStore(lifetime_s=60, limit=3, clock=clock)


def test_a_new_session_says_when_it_ends(store: SessionStore) -> None:
    session = store.open()
    assert session.header == f"{session.session_id}; Expires=2001-09-09T01:47:40Z"


def test_each_request_begins_its_time_anew(store: SessionStore, clock: Clock) -> None:
    session = store.open()
    for _ in range(3):
        clock.now += 50
        assert store.touch(session.session_id).expires == clock.now + 60


def test_an_unknown_session_says_to_begin_again(store: SessionStore) -> None:
    with pytest.raises(SessionNotFound, match="NEW_SESSION"):
        store.touch("nobody")


def test_an_expired_session_is_told_from_an_unknown_one(store: SessionStore, clock: Clock) -> None:
    session = store.open()
    clock.now += 60
    with pytest.raises(SessionExpired, match="whole history"):
        store.touch(session.session_id)
    assert len(store) == 0


def test_a_closed_session_is_gone(store: SessionStore) -> None:
    session = store.open()
    store.close(session.session_id)
    with pytest.raises(SessionNotFound):
        store.touch(session.session_id)


def test_the_least_recently_used_goes_first(store: SessionStore) -> None:
    first, second, third = store.open(), store.open(), store.open()
    store.touch(first.session_id)
    store.open()
    with pytest.raises(SessionNotFound):
        store.touch(second.session_id)
    assert store.touch(first.session_id)
    assert store.touch(third.session_id)


def test_long_expired_sessions_leave_nothing_behind(store: SessionStore, clock: Clock) -> None:
    old = store.open()
    clock.now += 121
    store.open()
    with pytest.raises(SessionNotFound):
        store.touch(old.session_id)


@pytest.mark.parametrize("session_id", ["", "-a", "a-", "a b", "a" * 257, "é", "a\n"])
def test_a_malformed_id_is_a_400(store: SessionStore, session_id: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        store.touch(session_id)
    assert caught.value.status == 400


def test_never_more_than_the_limit_from_many_threads() -> None:
    store = SessionStore(lifetime_s=60, limit=10)
    threads = [threading.Thread(target=lambda: [store.open() for _ in range(50)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store) == 10
