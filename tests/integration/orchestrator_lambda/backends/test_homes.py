"""Conversations come back to the instance that has them warm: a fleet behind a sticky balancer."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from orchestrator_lambda.backends.choosing import Member
from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.backends.connections import Limits
from orchestrator_lambda.backends.fleet import FleetBackend
from orchestrator_lambda.backends.homes import HOME_TTL_S, Homes
from orchestrator_lambda.backends.interface import Receipt
from orchestrator_lambda.backends.routed import RoutingPolicy
from orchestrator_lambda.backends.router import Router
from orchestrator_lambda.backends.session_book import LocalSessionBook, SessionBook
from orchestrator_lambda.errors import BackendError, BackendOverloaded, OrchestratorError
from orchestrator_lambda.sessions.redis_sessions import RedisSessions
from tests.integration.orchestrator_lambda.backends.conftest import StartContainer
from tests.integration.orchestrator_lambda.backends.fake_balancer import FakeBalancer
from tests.support.scripted_server import Answer, Script, ScriptedServer, Seen
from tests.unit.orchestrator_lambda.backends.builders import ROLE, delta, request, stream, texts

Scripted = Callable[[Script], ScriptedServer]
BROKEN = Answer(chunks=[ROLE, delta("half ")], break_off=True)


@dataclass
class Container:
    """A fake one: it answers with its name, or first with what it was told to."""

    name: str
    first: list[Answer] = field(default_factory=list)
    always: Answer | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, seen: Seen) -> Answer:
        if self.first:
            return self.first.pop(0)
        return self.always or Answer(chunks=stream(self.name), headers=self.headers)


class Fleet:
    """Two containers behind a balancer, of which `a` is the first to be chosen."""

    def __init__(self, scripted: Scripted, stack: contextlib.ExitStack) -> None:
        self.now = 0.0
        self.a, self.b = Container("a"), Container("b")
        self.servers = {"a": scripted(self.a), "b": scripted(self.b)}
        urls = [server.url for server in self.servers.values()]
        self.balancer = stack.enter_context(FakeBalancer(*urls, clock=lambda: self.now))
        self.book = LocalSessionBook(clock=lambda: self.now)

    def backend(self, book: SessionBook | None = None, stall_s: float = 20.0) -> FleetBackend:
        homes = Homes("fleet", book or self.book)
        return FleetBackend("fleet", self.balancer.url, homes=homes, limits=Limits(stall_s=stall_s))

    def calls(self, name: str) -> int:
        return len(self.servers[name].seen)

    def lose(self, name: str) -> None:
        """It is gone, and the balancer has not noticed yet."""
        self.servers[name].shutdown()
        self.servers[name].server_close()

    def notice(self, name: str) -> None:
        """Its health checks have failed."""
        self.balancer.unhealthy.add(self.servers[name].url)


@pytest.fixture
def fleet(scripted: Scripted, stack: contextlib.ExitStack) -> Fleet:
    return Fleet(scripted, stack)


def said(backend: FleetBackend | Router, *contents: str, **fields: Any) -> str:
    return texts(backend.generate(request(*contents, **fields)))


def routed(backend: FleetBackend) -> Router:
    return Router([Member(backend=backend)], policy=RoutingPolicy(backoff_s=0.001))


def test_every_turn_reaches_the_instance_of_the_first(fleet: Fleet) -> None:
    backend = fleet.backend()
    assert [said(backend) for _ in range(4)] == ["a", "a", "a", "a"]
    assert fleet.calls("b") == 0
    assert len(set(fleet.balancer.cookies)) == 4, "a cookie was not replaced by the next"


def test_without_a_home_turns_wander(fleet: Fleet) -> None:
    assert [said(fleet.backend(LocalSessionBook())) for _ in range(4)] == ["a", "b", "a", "b"]


def test_every_function_that_shares_the_book_finds_the_way(fleet: Fleet) -> None:
    assert [said(fleet.backend()) for _ in range(3)] == ["a", "a", "a"]


def test_the_setting_keeps_homes_in_the_functions_book(fleet: Fleet) -> None:
    entries = [{"kind": "fleet", "name": name, "url": fleet.balancer.url} for name in ("x", "y")]
    router = build_router(entries, sessions=fleet.book)
    assert said(router) == "a"
    assert (fleet.book.home("c") or "").startswith("x/")
    again, other = [member.backend for member in build_router(entries, sessions=fleet.book).members]
    assert texts(again.generate(request())) == "a"
    texts(other.generate(request()))
    assert [bool(cookie) for cookie in fleet.balancer.cookies] == [False, True, False]


def test_a_warm_hint_finds_and_founds_a_home(fleet: Fleet) -> None:
    backend = fleet.backend()
    assert backend.warm(request()) is not None
    assert said(backend) == "a"
    assert backend.warm(request()) is not None
    assert (fleet.calls("a"), fleet.calls("b")) == (3, 0)


def test_an_answer_that_broke_is_gone_on_with_at_home(fleet: Fleet) -> None:
    fleet.a.first = [BROKEN]
    assert said(routed(fleet.backend())) == "half a"
    assert fleet.calls("b") == 0


def test_an_answer_whose_instance_was_lost_goes_on_at_another_which_is_home_then(
    fleet: Fleet,
) -> None:
    backend = fleet.backend()
    fleet.a.first = [Answer(chunks=broken_by(lambda: fleet.notice("a")), break_off=True)]
    assert said(routed(backend)) == "half b"
    fleet.balancer.unhealthy.clear()
    assert said(backend) == "b"


def test_an_instance_is_lost_before_the_balancer_notices(fleet: Fleet) -> None:
    backend = fleet.backend()
    assert said(backend) == "a"
    fleet.lose("a")
    assert [said(backend) for _ in range(3)] == ["b", "b", "b"]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_instance_without_room_is_left_at_once_and_not_come_back_to(
    fleet: Fleet, status: int
) -> None:
    backend = fleet.backend()
    assert said(backend) == "a"
    fleet.a.first = [Answer(status)]
    items = list(routed(backend).generate(request()))
    assert texts(items) == "b"
    assert isinstance(items[-1], Receipt) and items[-1].attempts == 1
    assert said(backend) == "b"
    assert fleet.calls("a") == 2


def test_where_all_are_full_the_fleet_is_and_nobody_is_at_home(fleet: Fleet) -> None:
    backend = fleet.backend()
    assert said(backend) == "a"
    fleet.a.always = fleet.b.always = Answer(429, headers={"Retry-After": "3"})
    with pytest.raises(BackendOverloaded) as full:
        said(backend)
    assert full.value.retry_after_ms == 3000
    assert (fleet.calls("a"), fleet.calls("b")) == (2, 1)
    assert fleet.book.home("c") is None


def test_a_request_without_a_home_is_sent_once(fleet: Fleet) -> None:
    fleet.a.first = [Answer(429)]
    with pytest.raises(BackendOverloaded):
        said(fleet.backend())
    assert fleet.calls("a") + fleet.calls("b") == 1


@pytest.mark.parametrize(("status", "then"), [(500, "b"), (400, "a")])
def test_a_failing_instance_is_left_and_one_that_refuses_is_not(
    fleet: Fleet, status: int, then: str
) -> None:
    backend = fleet.backend()
    assert said(backend) == "a"
    fleet.a.first = [Answer(status)]
    with pytest.raises(OrchestratorError):
        said(backend)
    assert said(backend) == then
    assert fleet.calls("a") + fleet.calls("b") == 3


def test_an_instance_that_falls_silent_is_left(fleet: Fleet) -> None:
    backend, end = fleet.backend(stall_s=0.2), threading.Event()
    fleet.a.first = [Answer(chunks=broken_by(end.wait))]
    with pytest.raises(BackendError):
        said(backend)
    end.set()
    assert said(backend) == "b"


def test_a_cookie_that_is_too_old_does_no_harm(fleet: Fleet) -> None:
    backend = fleet.backend()
    said(backend)
    fleet.book.keep_home("c", fleet.book.home("c") or "", ttl_s=10 * HOME_TTL_S)
    fleet.now = 2.0 * HOME_TTL_S
    assert [said(backend) for _ in range(3)] == ["b", "b", "b"]
    assert fleet.balancer.cookies[1] is not None, "no old cookie was sent"


def test_conversations_and_tenants_have_homes_of_their_own(fleet: Fleet) -> None:
    backend = fleet.backend()
    owners = [{"conversation_id": "c"}, {"conversation_id": "d"}, {"tenant": "u"}]
    assert [said(backend, **owner) for owner in owners] == ["a", "b", "a"]
    assert fleet.balancer.cookies == [None, None, None]


def test_only_the_balancers_cookies_are_brought_back(fleet: Fleet) -> None:
    fleet.a.headers = {"Set-Cookie": "visitor=1; Path=/"}
    backend = fleet.backend()
    said(backend)
    said(backend)
    names = [pair.split("=")[0] for pair in str(fleet.balancer.cookies[1]).split("; ")]
    assert names == ["AWSALB", "AWSALBCORS"]


def test_cookies_are_in_no_log(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    backend = fleet.backend()
    with caplog.at_level(logging.DEBUG):
        said(backend)
        fleet.a.first = [Answer(429)]
        said(backend)
    assert "a conversation leaves its instance" in caplog.text
    written = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    assert "AWSALB" not in written


def test_a_store_that_is_down_costs_the_home_and_nothing_else(fleet: Fleet) -> None:
    def refuse(waiting: bool) -> Any:
        raise ConnectionError("nobody listens")

    backend = fleet.backend(RedisSessions(refuse))
    assert [said(backend) for _ in range(2)] == ["a", "b"]
    fleet.b.first, fleet.a.first = [Answer(429)], [Answer(429)]
    with pytest.raises(BackendOverloaded):
        said(backend)


def test_a_second_turn_finds_its_prompt_warm_in_real_containers(
    start_container: StartContainer, stack: contextlib.ExitStack
) -> None:
    urls = [start_container().url, start_container().url]
    balancer = stack.enter_context(FakeBalancer(*urls))
    one = FleetBackend("fleet", balancer.url)
    assert cached_in_second_turn(one, one) > 0
    forgetful = (FleetBackend("fleet", balancer.url), FleetBackend("fleet", balancer.url))
    assert cached_in_second_turn(*forgetful, tenant="other") == 0


def cached_in_second_turn(first: FleetBackend, then: FleetBackend, **fields: str) -> int:
    history = ("Tell me about Paris, please.", "A city.", "And Rome?")
    said(first, history[0], **fields)
    receipt = list(then.generate(request(*history, **fields)))[-1]
    assert isinstance(receipt, Receipt)
    return receipt.cached_tokens


def broken_by(event: Callable[[], object]) -> Iterator[bytes]:
    """Half an answer, after which something happens."""
    yield ROLE
    yield delta("half ")
    event()
