"""What Redis does for the turns."""

import itertools
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator_lambda.errors import Fenced
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from tests.integration.orchestrator_lambda.sessions.conftest import connected
from tests.support.redis_server import RedisServer

_numbers = itertools.count()


def fresh(kind: str = "c") -> str:
    return f"{kind}_{next(_numbers)}"


def deltas(*seqs: int) -> list[StreamEvent]:
    return [StreamEvent(seq, "delta", {"text": f"t{seq} ä"}) for seq in seqs]


def test_one_producer_holds_the_lock_until_it_gives_it_back(sessions: RedisSessions) -> None:
    talk = fresh()

    assert sessions.held(talk) is False
    assert sessions.acquire(talk, "a", ttl_ms=60_000)
    assert sessions.acquire(talk, "a", ttl_ms=60_000)
    assert not sessions.acquire(talk, "b", ttl_ms=60_000)
    assert not sessions.extend(talk, "b", ttl_ms=60_000)
    sessions.release(talk, "b")
    assert sessions.held(talk) is True
    assert sessions.extend(talk, "a", ttl_ms=60_000)
    sessions.release(talk, "a")
    assert sessions.held(talk) is False


def test_a_silent_producer_loses_the_lock(sessions: RedisSessions) -> None:
    talk = fresh()
    sessions.acquire(talk, "a", ttl_ms=50)

    deadline = time.monotonic() + 5
    while sessions.held(talk):
        assert time.monotonic() < deadline
        time.sleep(0.01)

    assert not sessions.extend(talk, "a", ttl_ms=1000)
    assert sessions.acquire(talk, "b", ttl_ms=1000)


def test_of_many_one_gets_the_lock(shared_server: RedisServer) -> None:
    talk, won = fresh(), []
    clients = [connected(shared_server.url) for _ in range(8)]

    def try_it(number: int) -> None:
        if clients[number].acquire(talk, str(number), ttl_ms=60_000):
            won.append(number)

    threads = [threading.Thread(target=try_it, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(won) == 1


def test_events_are_read_back_from_where_a_reader_was(sessions: RedisSessions) -> None:
    talk = fresh()
    assert sessions.append(talk, 2, 1, deltas(1, 2))
    assert sessions.append(talk, 2, 1, deltas(3))

    assert sessions.read(talk, 2, after=0, block_ms=0) == deltas(1, 2, 3)
    assert sessions.read(talk, 2, after=2, block_ms=0) == deltas(3)
    assert sessions.read(talk, 2, after=3, block_ms=0) == []
    assert sessions.read(talk, 2, after=99, block_ms=0) == []


def test_a_buffer_nobody_wrote_is_not_known(sessions: RedisSessions) -> None:
    assert sessions.read(fresh(), 2, after=0, block_ms=0) is None


def test_a_reader_waits_for_the_next_event(sessions: RedisSessions) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1))
    timer = threading.Timer(0.1, lambda: sessions.append(talk, 2, 1, deltas(2)))
    timer.start()

    assert sessions.read(talk, 2, after=1, block_ms=10_000) == deltas(2)
    timer.join()


def test_a_wait_for_nothing_ends(sessions: RedisSessions) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1))

    assert sessions.read(talk, 2, after=1, block_ms=60) == []
    assert not sessions.degraded


def test_what_was_cut_off_is_not_known(sessions: RedisSessions, shared_server: RedisServer) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1, 2, 3, 4))
    shared_server.client().xtrim(f"kw:{{c:{talk}}}:events:2", maxlen=2, approximate=False)

    assert sessions.read(talk, 2, after=1, block_ms=0) is None
    assert sessions.read(talk, 2, after=2, block_ms=0) == deltas(3, 4)


def test_a_reset_is_read_wherever_one_was(sessions: RedisSessions) -> None:
    talk, reset = fresh(), StreamEvent(10_006, "reset", {"text": "all"})
    sessions.append(talk, 2, 2, [reset])

    assert sessions.read(talk, 2, after=5, block_ms=0) == [reset]


def test_a_zombie_is_refused(sessions: RedisSessions) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1))
    sessions.append(talk, 2, 2, deltas(2))

    with pytest.raises(Fenced):
        sessions.append(talk, 2, 1, deltas(3))
    assert sessions.read(talk, 2, after=0, block_ms=0) == deltas(1, 2)
    assert not sessions.degraded


def test_an_id_that_is_taken_is_refused_and_nothing_is_written_in_part(
    sessions: RedisSessions,
) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1, 2))

    with pytest.raises(Fenced):
        sessions.append(talk, 2, 1, [*deltas(3), StreamEvent(2, "delta", {"text": "other"})])
    with pytest.raises(Fenced):
        sessions.append(talk, 2, 2, deltas(2))
    assert sessions.read(talk, 2, after=0, block_ms=0) == deltas(1, 2)


def test_a_batch_whose_acknowledgement_was_lost_may_come_again(sessions: RedisSessions) -> None:
    talk = fresh()
    sessions.append(talk, 2, 1, deltas(1, 2))

    assert sessions.append(talk, 2, 1, deltas(2, 3))
    assert sessions.read(talk, 2, after=0, block_ms=0) == deltas(1, 2, 3)


def test_two_producers_racing_leave_one_line_of_events(shared_server: RedisServer) -> None:
    talk = fresh()
    refused = []

    def produce(fence: int) -> None:
        own = connected(shared_server.url)
        for seq in range(1, 200):
            try:
                own.append(talk, 2, fence, [StreamEvent(seq, "delta", {"by": fence})])
            except Fenced:
                refused.append(fence)
                return

    threads = [threading.Thread(target=produce, args=(fence,)) for fence in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    events = connected(shared_server.url).read(talk, 2, after=0, block_ms=0)
    assert refused
    assert events is not None
    seqs = [event.seq for event in events]
    assert seqs == sorted(set(seqs))
    fences = [event.data["by"] for event in events]
    assert fences == sorted(fences)


def test_a_stop_is_seen_by_who_writes(sessions: RedisSessions) -> None:
    talk = fresh()
    assert sessions.stop_requested(talk, 2) is False
    assert sessions.request_stop(talk, 2)
    assert sessions.stop_requested(talk, 2) is True
    assert sessions.stop_requested(talk, 4) is False


def test_a_burst_passes_and_then_the_rate_counts(shared_server: RedisServer) -> None:
    own, user = connected(shared_server.url, rate_requests=3, rate_per_minute=60.0), fresh("u")

    assert [own.take_request(user) for _ in range(3)] == [0, 0, 0]
    assert 0 < own.take_request(user) <= 1000
    assert own.take_request(fresh("u")) == 0


def test_a_token_comes_back_with_time(shared_server: RedisServer) -> None:
    own, user = connected(shared_server.url, rate_requests=1, rate_per_minute=1200.0), fresh("u")
    assert own.take_request(user) == 0
    wait = own.take_request(user)
    assert 0 < wait <= 50
    time.sleep(wait / 1000 + 0.02)
    assert own.take_request(user) == 0


def test_without_a_limit_everything_passes(shared_server: RedisServer) -> None:
    own, user = connected(shared_server.url, rate_requests=0), fresh("u")
    assert {own.take_request(user) for _ in range(100)} == {0}


def test_tokens_are_charged_once_for_each_turn(shared_server: RedisServer) -> None:
    own, user = connected(shared_server.url, tokens_per_day=100), fresh("u")

    own.spend_tokens(user, 60, spend_id="t1")
    own.spend_tokens(user, 60, spend_id="t1")
    assert own.tokens_left_today(user) == 40
    own.spend_tokens(user, 60, spend_id="t2")
    assert own.tokens_left_today(user) == -20
    assert connected(shared_server.url).tokens_left_today(user) is None


def test_at_midnight_the_quota_is_new(shared_server: RedisServer) -> None:
    own, user = connected(shared_server.url, tokens_per_day=100), fresh("u")
    moment = [86_399.0]
    own._now = lambda: moment[0]
    own.spend_tokens(user, 100, spend_id="t1")
    assert own.tokens_left_today(user) == 0
    moment[0] = 86_401.0
    assert own.tokens_left_today(user) == 100


def test_the_endpoints_session_is_remembered(sessions: RedisSessions) -> None:
    talk = fresh()
    assert sessions.endpoint_session(talk) is None
    sessions.keep_endpoint_session(talk, "s-1", ttl_s=60)
    assert sessions.endpoint_session(talk) == "s-1"


def test_a_home_is_remembered_until_it_is_left(
    sessions: RedisSessions, shared_server: RedisServer
) -> None:
    talk = fresh()
    sessions.keep_home(talk, "h-1", ttl_s=60)
    sessions.keep_endpoint_session(talk, "s-1", ttl_s=60)
    sessions.keep_home(talk, "h-2", ttl_s=60)
    assert sessions.home(talk) == "h-2"
    assert 0 < shared_server.client().ttl(f"kw:{{c:{talk}}}:home") <= 60
    sessions.drop_home(talk)
    assert sessions.home(talk) is None
    assert sessions.endpoint_session(talk) == "s-1"


def test_a_forgotten_conversation_leaves_no_key(
    sessions: RedisSessions, shared_server: RedisServer
) -> None:
    talk = fresh()
    sessions.acquire(talk, "a", ttl_ms=60_000)
    sessions.append(talk, 2, 1, deltas(1))
    sessions.append(talk, 4, 1, deltas(1))
    sessions.request_stop(talk, 4)
    sessions.keep_endpoint_session(talk, "s-1", ttl_s=60)
    sessions.keep_home(talk, "h-1", ttl_s=60)

    sessions.forget(talk)

    assert shared_server.client().keys(f"kw:{{c:{talk}}}:*") == []


def test_everything_kept_expires(sessions: RedisSessions, shared_server: RedisServer) -> None:
    talk = fresh()
    sessions.acquire(talk, "a", ttl_ms=60_000)
    sessions.append(talk, 2, 1, deltas(1))
    sessions.request_stop(talk, 2)
    sessions.take_request(fresh("u"))

    client = shared_server.client()
    assert [key for key in client.keys("*") if client.ttl(key) == -1] == []


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(name=st.text(max_size=80))
def test_any_name_is_a_name_of_its_own(sessions: RedisSessions, name: str) -> None:
    sessions.keep_endpoint_session(name, f"s-{name}"[:20], ttl_s=60)
    assert sessions.endpoint_session(name) == f"s-{name}"[:20]
    sessions.forget(name)
    assert sessions.endpoint_session(name) is None
    assert sessions.take_request(name) == 0


def test_an_event_is_read_back_with_the_tokens_it_reaches_to(sessions: RedisSessions) -> None:
    event = StreamEvent(1, "delta", {"text": "漢字"}, tokens=7)
    sessions.append("c_tokens", 2, 1, [event])

    assert sessions.read("c_tokens", 2, after=0, block_ms=0) == [event]


def test_a_stop_for_an_answer_without_events_is_forgotten_too(
    sessions: RedisSessions, shared_server: RedisServer
) -> None:
    sessions.request_stop("c_stopped", 2)
    assert sessions.stop_requested("c_stopped", 2)

    sessions.forget("c_stopped")

    assert shared_server.client().keys("*c_stopped*") == []
