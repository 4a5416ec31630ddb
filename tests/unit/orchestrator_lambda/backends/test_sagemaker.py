"""What is asked of boto3, and what becomes of all that it raises."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore import exceptions as boto
from botocore.eventstream import ChecksumMismatch, InvalidHeadersLength
from urllib3 import exceptions as http

from orchestrator_lambda.backends.endpoint_sessions import EndpointSessions
from orchestrator_lambda.backends.failures import AnswerBroken, reason_of
from orchestrator_lambda.backends.interface import Receipt
from orchestrator_lambda.backends.sagemaker import Endpoint, SageMakerBackend
from orchestrator_lambda.backends.session_book import LocalSessionBook
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    ContextLengthExceeded,
    InvalidRequest,
    OrchestratorError,
    PayloadTooLarge,
)
from tests.unit.orchestrator_lambda.backends.builders import request, stream, texts


class Body:
    """An event stream; exceptions among its payloads are raised."""

    def __init__(self, *payloads: bytes | Exception) -> None:
        self._payloads = payloads
        self.closed = False

    def __iter__(self) -> Any:
        for payload in self._payloads:
            if isinstance(payload, Exception):
                raise payload
            yield {"PayloadPart": {"Bytes": payload}}

    def close(self) -> None:
        self.closed = True


class Plain:
    def read(self) -> bytes:
        return b"{}"


class Client:
    """boto3's client: answers are given in order, the last again and again."""

    def __init__(self, *answers: Body | Exception, sessions: tuple[Any, ...] = ()) -> None:
        self._answers = list(answers)
        self._sessions = list(sessions)
        self.streamed: list[dict[str, Any]] = []
        self.invoked: list[dict[str, Any]] = []

    def invoke_endpoint_with_response_stream(self, **fields: Any) -> dict[str, Any]:
        self.streamed.append(fields)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return {"Body": answer}

    def invoke_endpoint(self, **fields: Any) -> dict[str, Any]:
        self.invoked.append(fields)
        session = self._sessions.pop(0)
        if isinstance(session, Exception):
            raise session
        return {"Body": Plain(), "NewSessionId": session}


def answer() -> Body:
    return Body(*stream("Par", "is"))


def client_error(code: str, status: int, message: str = "", **fields: Any) -> boto.ClientError:
    response = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
        **fields,
    }
    return boto.ClientError(response, "InvokeEndpointWithResponseStream")  # type: ignore[arg-type]


def model_error(status: int, body: str | dict[str, Any]) -> boto.ClientError:
    text = body if isinstance(body, str) else json.dumps({"error": body})
    return client_error("ModelError", 424, OriginalStatusCode=status, OriginalMessage=text)


def failure(client: Client) -> OrchestratorError:
    with pytest.raises(OrchestratorError) as caught:
        list(SageMakerBackend("b", client, Endpoint(name="chat")).generate(request()))
    return caught.value


def test_an_answer_comes_through_and_its_body_is_closed() -> None:
    body = answer()
    backend = SageMakerBackend("main", Client(body), Endpoint(name="chat"))
    items = list(backend.generate(request()))
    assert texts(items) == "Paris"
    assert isinstance(items[-1], Receipt) and items[-1].backend == "main"
    assert body.closed


def test_the_call_names_endpoint_variant_and_component() -> None:
    client = Client(answer())
    endpoint = Endpoint(name="chat", variant="blue", inference_component="ic-1")
    list(SageMakerBackend("b", client, endpoint).generate(request()))
    call = client.streamed[0]
    assert {name: call[name] for name in call if name != "Body"} == {
        "EndpointName": "chat",
        "TargetVariant": "blue",
        "InferenceComponentName": "ic-1",
        "ContentType": "application/json",
        "Accept": "text/event-stream",
    }
    assert json.loads(call["Body"])["messages"][0]["role"] == "user"


def test_prefix_aware_routing_gets_its_hint() -> None:
    client = Client(answer())
    backend = SageMakerBackend("b", client, Endpoint(name="chat", prefix_aware=True))
    list(backend.generate(request()))
    list(backend.generate(request("later", "turn")))
    first, second = (call["PrefixAwareId"] for call in client.streamed)
    assert first == second and len(first) == 64


def test_the_trace_goes_along_in_custom_attributes() -> None:
    client = Client(answer())
    backend = SageMakerBackend("b", client, Endpoint(name="chat"))
    list(backend.generate(request(trace={"traceparent": "00-a-b-01"})))
    list(backend.generate(request(trace={"tracestate": "x" * 2000})))
    assert json.loads(client.streamed[0]["CustomAttributes"]) == {"traceparent": "00-a-b-01"}
    assert "CustomAttributes" not in client.streamed[1]


def test_a_trace_that_is_too_long_loses_what_vendors_added_and_not_its_name() -> None:
    client = Client(answer())
    backend = SageMakerBackend("b", client, Endpoint(name="chat"))
    trace = {"traceparent": "00-a-b-01", "tracestate": "x" * 512, "x-amzn-trace-id": "y" * 512}
    list(backend.generate(request(trace=trace)))
    sent = json.loads(client.streamed[0]["CustomAttributes"])
    assert sent == {"traceparent": "00-a-b-01", "x-amzn-trace-id": "y" * 512}


@pytest.mark.parametrize(
    ("error", "kind", "retry_after_ms"),
    [
        (model_error(429, {"code": "overloaded", "retry_after_ms": 350}), BackendOverloaded, 350),
        (model_error(429, "busy"), BackendOverloaded, 1000),
        (model_error(400, {"code": "invalid_request", "message": "m"}), InvalidRequest, None),
        (model_error(400, "<html>"), InvalidRequest, None),
        (model_error(400, {"code": "context_length_exceeded"}), ContextLengthExceeded, None),
        (model_error(413, {"code": "payload_too_large"}), PayloadTooLarge, None),
        (model_error(404, ""), BackendError, None),
        (model_error(415, {"code": "unsupported_media_type"}), BackendError, None),
        (model_error(500, {"code": "generation_failed"}), BackendError, None),
        (model_error(500, {"code": "engine_dead"}), BackendUnavailable, None),
        (
            model_error(503, {"code": "draining", "retry_after_ms": 90}),
            BackendUnavailable,
            90,
        ),
        (model_error(503, "[" * 5000), BackendUnavailable, None),
        (model_error(0, "timed out"), BackendError, None),
        (client_error("ModelError", 424), BackendError, None),
        (client_error("ThrottlingException", 400), BackendOverloaded, 1000),
        (client_error("TooManyRequestsException", 429), BackendOverloaded, 1000),
        (client_error("Whatever", 429), BackendOverloaded, 1000),
        (client_error("ModelNotReadyException", 429), BackendUnavailable, 2000),
        (client_error("ServiceUnavailable", 503), BackendUnavailable, None),
        (client_error("InternalDependencyException", 530), BackendUnavailable, None),
        (client_error("InternalFailure", 500), BackendUnavailable, None),
        (client_error("AccessDeniedException", 403), BackendUnavailable, None),
        (client_error("ExpiredTokenException", 403), BackendUnavailable, None),
        (
            client_error("ValidationError", 400, "Endpoint chat of account 1 not found."),
            BackendUnavailable,
            None,
        ),
        (client_error("ValidationError", 400, "no such thing"), BackendError, None),
        (client_error("413", 413), PayloadTooLarge, None),
        (boto.NoCredentialsError(), BackendUnavailable, None),
        (boto.PartialCredentialsError(provider="p", cred_var="v"), BackendUnavailable, None),
        (boto.EndpointConnectionError(endpoint_url="u"), BackendUnavailable, None),
        (boto.ConnectTimeoutError(endpoint_url="u"), BackendUnavailable, None),
        (boto.SSLError(endpoint_url="u", error="e"), BackendUnavailable, None),
        (boto.ParamValidationError(report="r"), BackendUnavailable, None),
    ],
)
def test_what_a_call_raises(
    error: Exception, kind: type[OrchestratorError], retry_after_ms: int | None
) -> None:
    found = failure(Client(error))
    assert type(found) is kind
    assert found.retry_after_ms == retry_after_ms


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (boto.ReadTimeoutError(endpoint_url="u"), "stalled"),
        (boto.ConnectionClosedError(endpoint_url="u"), "reset"),
    ],
)
def test_a_call_without_an_answer_is_a_broken_answer(error: Exception, reason: str) -> None:
    assert reason_of(failure(Client(error))) == reason


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (http.ReadTimeoutError(None, "u", "m"), "stalled"),  # type: ignore[arg-type]
        (TimeoutError(), "stalled"),
        (http.ProtocolError("broken"), "reset"),
        (ConnectionResetError(), "reset"),
        (boto.EventStreamError({"Error": {"Code": "ModelStreamError"}}, "o"), "error"),
        (boto.EventStreamError({"Error": {"Code": "InternalStreamFailure"}}, "o"), "error"),
        (ChecksumMismatch(1, 2), "garbage"),
        (InvalidHeadersLength(1), "garbage"),
    ],
)
def test_a_stream_that_breaks_keeps_the_text_before_it(error: Exception, reason: str) -> None:
    body = Body(*stream("Par", "is")[:2], error)
    items: list[Any] = []
    with pytest.raises(AnswerBroken) as broken:
        items.extend(SageMakerBackend("b", Client(body), Endpoint(name="c")).generate(request()))
    assert broken.value.reason == reason
    assert body.closed


def test_a_clean_end_without_a_receipt_is_no_end() -> None:
    assert reason_of(failure(Client(Body(*stream("Par", "is")[:-2])))) == "truncated"


def test_no_word_of_the_platform_reaches_a_caller_or_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    words = "arn:aws:secret is not authorized"
    found = failure(Client(client_error("AccessDeniedException", 403, words)))
    assert words not in found.message
    assert words not in caplog.text
    assert found.__cause__ is None


# Sessions


class Book(LocalSessionBook):
    """Remembers what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[str, str, int]] = []

    def keep_endpoint_session(self, conversation_id: str, session_id: str, *, ttl_s: int) -> None:
        self.kept.append((conversation_id, session_id, ttl_s))
        super().keep_endpoint_session(conversation_id, session_id, ttl_s=ttl_s)


ANNOUNCED = "s-1; Expires=2100-01-01T00:00:00Z"
GONE = model_error(404, {"code": "session_not_found"})


def in_sessions(client: Client, book: Book | None = None) -> SageMakerBackend:
    sessions = EndpointSessions("b", book or Book())
    return SageMakerBackend("b", client, Endpoint(name="chat", sessions=sessions))


def test_a_session_is_begun_by_a_plain_call_and_then_streamed_in() -> None:
    client, book = Client(answer(), sessions=(ANNOUNCED,)), Book()
    backend = in_sessions(client, book)
    assert texts(backend.generate(request())) == "Paris"
    list(backend.generate(request()))
    assert [call["SessionId"] for call in client.invoked] == ["NEW_SESSION"]
    assert json.loads(client.invoked[0]["Body"]) == {"requestType": "NEW_SESSION"}
    assert [call["SessionId"] for call in client.streamed] == ["s-1", "s-1"]
    assert book.kept[0][:2] == ("c", "b/s-1")


@pytest.mark.parametrize(
    "gone",
    [
        GONE,
        model_error(410, {"code": "session_expired"}),
        client_error("ValidationError", 400, "The session is unknown."),
    ],
)
def test_a_session_that_is_gone_is_replaced(gone: Exception) -> None:
    book = Book()
    book.keep_endpoint_session("c", "b/old", ttl_s=60)
    client = Client(gone, answer(), sessions=(ANNOUNCED,))
    assert texts(in_sessions(client, book).generate(request())) == "Paris"
    assert [call["SessionId"] for call in client.streamed] == ["old", "s-1"]


def test_sessions_that_are_gone_again_and_again_end_the_try() -> None:
    client = Client(GONE, sessions=(ANNOUNCED, ANNOUNCED))
    with pytest.raises(BackendError):
        list(in_sessions(client).generate(request()))
    assert len(client.streamed) == 2


def test_the_session_of_another_endpoint_is_not_asked_for() -> None:
    book = Book()
    book.keep_endpoint_session("c", "other/s-9", ttl_s=60)
    client = Client(answer(), sessions=(ANNOUNCED,))
    list(in_sessions(client, book).generate(request()))
    assert client.streamed[0]["SessionId"] == "s-1"


@pytest.mark.parametrize(
    "refused",
    [model_error(400, {"code": "invalid_request"}), "", "not an id!", model_error(500, "")],
)
def test_an_endpoint_without_sessions_answers_all_the_same(refused: Any) -> None:
    client = Client(answer(), sessions=(refused,))
    assert texts(in_sessions(client).generate(request())) == "Paris"
    assert "SessionId" not in client.streamed[0]


def test_an_endpoint_that_is_down_is_not_called_twice() -> None:
    client = Client(answer(), sessions=(client_error("ServiceUnavailable", 503),))
    with pytest.raises(BackendUnavailable):
        list(in_sessions(client).generate(request()))
    assert not client.streamed


def test_a_session_given_with_the_request_is_used() -> None:
    client = Client(answer())
    backend = SageMakerBackend("b", client, Endpoint(name="chat"))
    list(backend.generate(request(session_id="given")))
    assert client.streamed[0]["SessionId"] == "given"
    assert not client.invoked


def test_what_is_kept_lives_as_long_as_the_session() -> None:
    now = [1_000.0]
    book = LocalSessionBook(clock=lambda: now[0])
    sessions = EndpointSessions("b", book, clock=lambda: 4102444800.0 - 30)
    sessions.learn("c", ANNOUNCED)
    assert sessions.known("c") == "s-1"
    now[0] += 30
    assert sessions.known("c") is None
