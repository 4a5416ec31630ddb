"""The real boto3 against the stand-in of SageMaker's runtime, its streams cut anywhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from local import sagemaker_errors
from local.sagemaker_errors import PlatformError
from local.sagemaker_runtime import SageMakerRuntime
from orchestrator_lambda.backends.failures import AnswerBroken, reason_of
from orchestrator_lambda.backends.interface import Receipt
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    ContextLengthExceeded,
    OrchestratorError,
)
from tests.integration.orchestrator_lambda.backends.conftest import ANSWER, endpoint_backend
from tests.support.scripted_server import Answer, Script, ScriptedServer
from tests.unit.orchestrator_lambda.backends.builders import (
    delta,
    error_event,
    receipt_event,
    request,
    stream,
    texts,
)

WAIT_S = 20.0
Scripted = Callable[[Script], ScriptedServer]
Platform = Callable[..., SageMakerRuntime]


@pytest.fixture
def backend_of(scripted: Scripted, platform: Platform) -> Callable[..., Any]:
    """backend_of(script) -> a backend, the container behind it, the platform between them."""

    def build(script: Script, *, seed: int = 0, stall_s: float = 20.0, **endpoint: Any) -> Any:
        container = scripted(script)
        runtime = platform(container.url, seed=seed)
        return endpoint_backend(runtime.url, stall_s=stall_s, **endpoint), container, runtime

    return build


def failure(backend: Any, **fields: Any) -> tuple[str, OrchestratorError]:
    items: list[Any] = []
    with pytest.raises(OrchestratorError) as caught:
        items.extend(backend.generate(request(**fields)))
    return texts(items), caught.value


@pytest.mark.parametrize("seed", range(0, 60, 20))
def test_cuts_in_characters_and_events_do_not_matter(
    backend_of: Callable[..., Any], seed: int
) -> None:
    words = [word + " " for word in ANSWER.split(" ")]
    backend, container, _ = backend_of(lambda seen: Answer(chunks=stream(*words)), seed=seed)
    for _ in range(20):
        items = list(backend.generate(request()))
        assert texts(items) == "".join(words)
        assert isinstance(items[-1], Receipt)
    sent = [seen for seen in container.seen if seen.path == "/invocations"]
    assert sent[0].headers["accept"] == "text/event-stream"
    assert json.loads(sent[0].body)["stream"] is True


def test_hints_and_targets_reach_the_platform(backend_of: Callable[..., Any]) -> None:
    backend, container, _ = backend_of(
        lambda seen: Answer(chunks=stream("a")), prefix_aware=True, variant="blue"
    )
    list(backend.generate(request(trace={"traceparent": "00-1-2-01"})))
    headers = container.seen[-1].headers
    assert len(headers["x-amzn-sagemaker-prefix-aware-id"]) == 64
    assert headers["x-amzn-sagemaker-target-variant"] == "blue"
    attributes = json.loads(headers["x-amzn-sagemaker-custom-attributes"])
    assert attributes == {"traceparent": "00-1-2-01"}


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sagemaker_errors.model_not_ready(), BackendUnavailable),
        (sagemaker_errors.service_unavailable(), BackendUnavailable),
        (sagemaker_errors.internal_dependency(), BackendUnavailable),
        (sagemaker_errors.internal_failure(), BackendUnavailable),
        (sagemaker_errors.validation_error("Endpoint chat not found."), BackendUnavailable),
        (sagemaker_errors.validation_error("Something else."), BackendError),
        (PlatformError(400, "ThrottlingException", "Rate exceeded"), BackendOverloaded),
        (PlatformError(503, None, "<html>"), BackendUnavailable),
    ],
)
def test_errors_of_the_platform_are_not_repeated(
    backend_of: Callable[..., Any], error: PlatformError, kind: type[OrchestratorError]
) -> None:
    backend, container, runtime = backend_of(lambda seen: Answer(chunks=stream("a")))
    runtime.fail_next(error)
    assert type(failure(backend)[1]) is kind
    assert not [seen for seen in container.seen if seen.path == "/invocations"]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "overloaded", "retry_after_ms": 321}, BackendOverloaded),
        (400, {"code": "context_length_exceeded", "message": "m"}, ContextLengthExceeded),
        (503, {"code": "draining", "retry_after_ms": 321}, BackendUnavailable),
        (500, {"code": "internal_error"}, BackendError),
    ],
)
def test_errors_of_the_container_keep_their_meaning(
    backend_of: Callable[..., Any], status: int, error: Any, kind: type[OrchestratorError]
) -> None:
    body = json.dumps({"error": error}).encode()
    backend, container, _ = backend_of(lambda seen: Answer(status, body))
    found = failure(backend)[1]
    assert type(found) is kind
    assert found.retry_after_ms == error.get("retry_after_ms")
    assert len([seen for seen in container.seen if seen.path == "/invocations"]) == 1


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: Answer(chunks=[delta("Par")]), "truncated"),
        (lambda: Answer(chunks=[delta("Par"), receipt_event("Par")[:-9]]), "truncated"),
        (lambda: Answer(chunks=[delta("Par")], break_off=True), "error"),
        (lambda: Answer(chunks=[delta("Par"), error_event("generation_failed")]), "error"),
        (lambda: Answer(chunks=[delta("Par"), receipt_event("Paris")]), "mismatch"),
        (lambda: Answer(chunks=[delta("Par"), b"data: <html>\n\n"]), "garbage"),
    ],
    ids=["clean end", "end in the receipt", "broken off", "error event", "another text", "garbage"],
)
def test_a_stream_that_does_not_hold_is_broken_and_its_text_stays(
    backend_of: Callable[..., Any], answer: Callable[[], Answer], reason: str
) -> None:
    backend, _, _ = backend_of(lambda seen: answer())
    text, error = failure(backend)
    assert (text, reason_of(error)) == ("Par", reason)


def test_silence_is_not_waited_out(backend_of: Callable[..., Any]) -> None:
    released = threading.Event()

    def silent() -> Iterator[bytes]:
        yield delta("Par")
        released.wait(WAIT_S)

    backend, _, _ = backend_of(lambda seen: Answer(chunks=silent()), stall_s=0.3)
    text, error = failure(backend)
    released.set()
    assert (text, reason_of(error)) == ("Par", "stalled")


def test_closing_from_another_thread_reaches_the_container(
    backend_of: Callable[..., Any],
) -> None:
    ended = threading.Event()

    def slow() -> Iterator[bytes]:
        for _ in range(2000):
            yield delta("x")
            if ended.wait(0.01):
                return

    backend, container, _ = backend_of(lambda seen: Answer(chunks=slow()))
    generation = backend.generate(request())
    items = iter(generation)
    next(items)
    threading.Timer(0.1, generation.close).start()
    with pytest.raises(AnswerBroken) as broken:
        list(items)
    assert broken.value.reason == "cancelled"
    assert container.client_left.wait(WAIT_S), "the container goes on generating"
    ended.set()


def test_closing_ends_a_read_that_hangs_in_silence(backend_of: Callable[..., Any]) -> None:
    released = threading.Event()

    def silent() -> Iterator[bytes]:
        yield delta("x")
        released.wait(WAIT_S)

    backend, _, _ = backend_of(lambda seen: Answer(chunks=silent()))
    generation = backend.generate(request())
    threading.Timer(0.2, generation.close).start()
    with pytest.raises(AnswerBroken) as broken:
        list(generation)
    released.set()
    assert broken.value.reason == "cancelled"


def test_nobody_listens(platform: Platform) -> None:
    backend = endpoint_backend("http://127.0.0.1:9")
    assert isinstance(failure(backend)[1], BackendUnavailable)


def test_the_next_answer_comes_over_the_same_connection(backend_of: Callable[..., Any]) -> None:
    backend, _, runtime = backend_of(lambda seen: Answer(chunks=stream("a")))
    connections: list[object] = []
    get_request = runtime.get_request

    def counting() -> Any:
        connection = get_request()
        connections.append(connection)
        return connection

    runtime.get_request = counting
    for _ in range(3):
        list(backend.generate(request()))
    assert len(connections) == 1


def test_a_body_beyond_the_platforms_limit_is_not_sent(backend_of: Callable[..., Any]) -> None:
    backend, container, _ = backend_of(lambda seen: Answer(chunks=stream("a")))
    with pytest.raises(OrchestratorError) as refused:
        backend.generate(request("x" * (6 * 1024 * 1024)))
    assert refused.value.status == 413
    assert not container.seen
