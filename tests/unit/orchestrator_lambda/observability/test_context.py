from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator_lambda.observability import context
from tests.events.load import load_event

XRAY = "Self=1-67891234-12456789abcdef012345678;Root=1-67891233-abcdef012345678912345678"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(context, "_begun", False)
    yield
    context.clear()


def test_only_the_first_invocation_is_cold() -> None:
    starts = []
    for _ in range(3):
        context.begin_invocation("r", {})
        starts.append(context.bound()["cold_start"])
    assert starts == [True, False, False]


def test_an_environment_made_in_advance_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")
    context.begin_invocation("r", {})
    assert context.bound()["cold_start"] is False


def test_nothing_of_the_last_invocation_stays() -> None:
    context.begin_invocation("r-1", {"id": "e-1"})
    context.bind(conversation_id="c-1")
    context.begin_invocation("r-2", {})
    assert context.bound()["function_request_id"] == "r-2"
    assert not {"conversation_id", "correlation_id"} & set(context.bound())


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"requestContext": {"requestId": "g-1"}}, "g-1"),
        ({"requestContext": {"elb": {}}, "headers": {"x-amzn-trace-id": XRAY}}, XRAY[-35:]),
        ({"requestContext": {"elb": {}}, "headers": {"x-amzn-trace-id": "nonsense"}}, ""),
        ({"source": "aws.events", "id": "e-1"}, "e-1"),
        ({"requestContext": "odd", "id": 7}, ""),
        ([], ""),
    ],
)
def test_the_senders_own_id_is_the_correlation_id(event: object, found: str) -> None:
    assert context.correlation_id(event) == found


@pytest.mark.parametrize("kind", ["rest", "http_api_v2", "function_url"])
def test_events_as_aws_sends_them_have_one(kind: str) -> None:
    event = load_event(kind)
    assert context.correlation_id(event) == event["requestContext"]["requestId"]
