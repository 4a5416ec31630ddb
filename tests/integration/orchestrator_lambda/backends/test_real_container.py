"""The project's own container, around a fake engine, behind both kinds of backend."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from local.sagemaker_runtime import SageMakerRuntime
from orchestrator_lambda.backends.choosing import Member
from orchestrator_lambda.backends.config import build_router
from orchestrator_lambda.backends.connections import Limits
from orchestrator_lambda.backends.endpoint_sessions import EndpointSessions
from orchestrator_lambda.backends.fleet import FleetBackend
from orchestrator_lambda.backends.interface import (
    Backend,
    ChatMessage,
    Receipt,
    SwitchedBackend,
)
from orchestrator_lambda.backends.router import Router
from orchestrator_lambda.backends.session_book import LocalSessionBook
from orchestrator_lambda.errors import ContextLengthExceeded, InvalidRequest
from orchestrator_lambda.observability.trace import trace_context
from tests.integration.orchestrator_lambda.backends.conftest import (
    ANSWER,
    StartContainer,
    endpoint_backend,
)
from tests.support.live_server import LiveServer, wait_until
from tests.unit.orchestrator_lambda.backends.builders import request, texts

Platform = Callable[..., SageMakerRuntime]
LONG = {"max_tokens": 1000}


def router_of(*backends: Backend) -> Router:
    return Router([Member(backend=backend) for backend in backends])


def fleet(server: LiveServer, stall_s: float = 20.0) -> FleetBackend:
    return FleetBackend("fleet", server.url, limits=Limits(stall_s=stall_s))


def receipt_of(items: list[Any]) -> Receipt:
    assert isinstance(items[-1], Receipt)
    return items[-1]


def test_both_kinds_give_the_same_answer(healthy: LiveServer, platform: Platform) -> None:
    for backend in (fleet(healthy), endpoint_backend(platform(healthy.url).url)):
        items = list(backend.generate(request(sampling=LONG)))
        assert texts(items) == ANSWER
        assert receipt_of(items).finish_reason == "stop"
        assert receipt_of(items).completion_tokens == len(ANSWER.encode())


def test_the_next_turn_and_a_warmed_one_find_their_prompt(healthy: LiveServer) -> None:
    backend = fleet(healthy)
    cold = backend.warm(request("Tell me about Paris, please.", conversation_id="w"))
    assert cold is not None and (cold.cached_tokens, cold.completion_tokens) == (0, 0)
    warmed = receipt_of(list(backend.generate(request("Tell me about Paris, please."))))
    assert warmed.cached_tokens >= warmed.prompt_tokens - 16
    history = ("Tell me about Paris, please.", ANSWER, "And Rome?")
    turn = receipt_of(list(backend.generate(request(*history))))
    assert turn.cached_tokens > warmed.prompt_tokens
    other = receipt_of(list(backend.generate(request(*history, tenant="other"))))
    assert other.cached_tokens == 0, "a tenant found what another has warm"


def test_the_trace_goes_along_into_the_containers_log(
    healthy: LiveServer, platform: Platform
) -> None:
    for kind in ("fleet", "sagemaker"):
        endpoint = endpoint_backend(platform(healthy.url).url)
        backend = fleet(healthy) if kind == "fleet" else endpoint
        trace = trace_context({})
        list(backend.generate(request(trace=trace.headers())))
        wait_until(lambda trace=trace: f'"trace_id": "{trace.trace_id}"' in healthy.log_text)


def test_bad_requests_are_the_callers(healthy: LiveServer) -> None:
    backend = router_of(fleet(healthy))
    with pytest.raises(InvalidRequest, match="temperature") as refused:
        list(backend.generate(request(sampling={"temperature": -1})))
    assert refused.value.param == "temperature"
    with pytest.raises(ContextLengthExceeded):
        list(backend.generate(request("x" * 20_000)))


@pytest.mark.parametrize(("fault", "tokens"), [("die_after", 23), ("fail_after", 60)])
def test_an_endpoint_that_fails_in_the_middle_is_gone_on_from_by_the_fleet(
    start_container: StartContainer,
    healthy: LiveServer,
    platform: Platform,
    fault: str,
    tokens: int,
) -> None:
    dying = start_container(f", faults=FakeFaults({fault}={tokens})")
    router = router_of(endpoint_backend(platform(dying.url).url), fleet(healthy))
    items = list(router.generate(request(sampling=LONG)))
    assert texts(items) == ANSWER
    receipt = receipt_of(items)
    assert (receipt.backend, receipt.attempts, receipt.finish_reason) == ("fleet", 2, "stop")
    assert any(isinstance(item, SwitchedBackend) for item in items)
    assert receipt.raw["continuations"] == 1
    assert receipt.completion_tokens >= len(ANSWER)


def test_an_endpoint_that_falls_silent_is_left(
    start_container: StartContainer, healthy: LiveServer, platform: Platform
) -> None:
    stuck = start_container(", faults=FakeFaults(stall_after=9)")
    router = router_of(endpoint_backend(platform(stuck.url).url, stall_s=0.5), fleet(healthy))
    items = list(router.generate(request(sampling=LONG)))
    assert texts(items) == ANSWER
    assert SwitchedBackend("endpoint", "fleet", "stalled") in items


def test_a_full_container_spills(start_container: StartContainer, healthy: LiveServer) -> None:
    full = start_container(", max_active=1, tokens_per_second=20")
    first = FleetBackend("full", full.url)
    running = first.generate(request(sampling=LONG))
    holding = iter(running)
    next(holding)
    items = list(router_of(first, fleet(healthy)).generate(request(sampling=LONG)))
    assert receipt_of(items).backend == "fleet"
    assert texts(items) == ANSWER
    running.close()


def test_closing_frees_the_request_at_the_container(
    start_container: StartContainer, platform: Platform
) -> None:
    slow = start_container(", tokens_per_second=1")
    generation = endpoint_backend(platform(slow.url).url).generate(request(sampling=LONG))
    items = iter(generation)
    next(items)
    assert slow.metric("keepwarm:num_requests_running") == 1
    generation.close()
    wait_until(lambda: slow.metric("keepwarm:num_requests_running") == 0)


def test_sessions_are_begun_continued_and_recovered(
    healthy: LiveServer, platform: Platform
) -> None:
    book = LocalSessionBook()
    sessions = EndpointSessions("endpoint", book)
    backend = endpoint_backend(platform(healthy.url).url, sessions=sessions)
    first = receipt_of(list(backend.generate(request())))
    again = receipt_of(list(backend.generate(request())))
    assert first.raw["session"]["id"] == again.raw["session"]["id"] == sessions.known("c")
    book.keep_endpoint_session("c", "endpoint/gone-with-its-instance", ttl_s=60)
    recovered = receipt_of(list(backend.generate(request())))
    assert recovered.raw["session"]["id"] == sessions.known("c")
    assert recovered.raw["session"]["id"] not in ("gone-with-its-instance", first.raw["session"])


def test_a_container_without_sessions_answers_in_session_mode(
    start_container: StartContainer, platform: Platform
) -> None:
    plain = start_container()
    sessions = EndpointSessions("endpoint", LocalSessionBook())
    backend = endpoint_backend(platform(plain.url).url, sessions=sessions)
    assert texts(backend.generate(request(sampling=LONG))) == ANSWER


def test_the_setting_makes_working_backends(
    healthy: LiveServer, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    entries = [
        {
            "kind": "sagemaker",
            "endpoint": "chat",
            "region": "eu-west-1",
            "endpoint_url": platform(healthy.url).url,
            "session_mode": True,
            "prefix_aware": True,
        },
        {"kind": "fleet", "url": healthy.url},
    ]
    items = list(build_router(json.loads(json.dumps(entries))).generate(request(sampling=LONG)))
    assert texts(items) == ANSWER
    assert receipt_of(items).backend == "chat"


def test_the_rest_of_an_answer_that_has_used_its_tokens_up_is_nothing(healthy: LiveServer) -> None:
    """Its writer died before it could say that the answer was whole."""
    talk = (*request("Tell me.").messages, ChatMessage(role="assistant", content=ANSWER[:9]))
    rest = replace(request(sampling={"max_tokens": 0}), messages=talk, continue_final=True)
    items = list(fleet(healthy).generate(rest))

    assert texts(items) == ""
    assert receipt_of(items).finish_reason == "length"
