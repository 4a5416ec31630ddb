"""What a caller of SageMaker sees, by the real boto3 client."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from local import sagemaker_errors
from local.sagemaker_runtime import RuntimeSettings, SageMakerRuntime
from tests.support.scripted_server import Answer, Script, ScriptedServer, Seen

EVENTS = [
    'data: {"text": "Grüße"}\n\n'.encode(),
    'data: {"text": "你好 👋"}\n\n'.encode(),
    b'data: {"receipt": {}}\n\ndata: [DONE]\n\n',
]

Connect = Callable[..., Any]


class Container(ScriptedServer):
    """Answers /ping with `ping_status`, and /invocations by the script."""

    def __init__(self, invocations: Script) -> None:
        super().__init__(self._route)
        self.ping_status = 200
        self._invocations = invocations

    def _route(self, seen: Seen) -> Answer:
        return Answer(self.ping_status) if seen.path == "/ping" else self._invocations(seen)

    @property
    def invoked(self) -> list[Seen]:
        """The calls of /invocations so far."""
        return [seen for seen in self.seen if seen.path == "/invocations"]


def client_for(runtime: SageMakerRuntime) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=runtime.url,
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=10),
    )


@pytest.fixture
def connect() -> Iterator[Connect]:
    """connect(script, **settings) -> (boto3 client, container, stand-in)."""
    with contextlib.ExitStack() as stack:

        def open_all(script: Callable[[Seen], Answer], **settings: Any) -> tuple[Any, Any, Any]:
            container = stack.enter_context(Container(script))
            runtime = stack.enter_context(
                SageMakerRuntime(RuntimeSettings(container_url=container.url, **settings))
            )
            return client_for(runtime), container, runtime

        yield open_all


def parts_of(response: Any) -> list[bytes]:
    return [event["PayloadPart"]["Bytes"] for event in response["Body"]]


def error_of(call: Callable[[], Any]) -> tuple[str, int, dict[str, Any]]:
    with pytest.raises(ClientError) as caught:
        call()
    response = caught.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"], response


class TestPlainCalls:
    def test_body_and_content_type_pass_both_ways(self, connect: Connect) -> None:
        answer = Answer(body=b'{"ok": 1}', headers={"Content-Type": "application/json"})
        client, container, _ = connect(lambda seen: answer)
        response = client.invoke_endpoint(
            EndpointName="chat", Body=b'{"q": 1}', ContentType="application/json", Accept="a/b"
        )
        assert response["Body"].read() == b'{"ok": 1}'
        assert response["ContentType"] == "application/json"
        assert response["InvokedProductionVariant"] == "AllTraffic"
        seen = container.invoked[0]
        assert (seen.body, seen.headers["content-type"]) == (b'{"q": 1}', "application/json")
        assert seen.headers["accept"] == "a/b"

    def test_only_the_apis_own_headers_reach_the_container(self, connect: Connect) -> None:
        client, container, _ = connect(lambda seen: Answer())

        def add_foreign(request: Any, **_: Any) -> None:
            request.headers["X-Forwarded-For"] = "10.0.0.1"
            request.headers["Cookie"] = "secret"

        client.meta.events.register("before-send.sagemaker-runtime.*", add_foreign)
        client.invoke_endpoint(
            EndpointName="chat",
            Body=b"{}",
            CustomAttributes="trace=1",
            InferenceId="i-1",
            PrefixAwareId="tenant-1",
            TargetVariant="blue",
            TargetModel="m.tar.gz",
            TargetContainerHostname="second",
            InferenceComponentName="part",
        )
        names = set(container.invoked[0].headers) - {"host", "content-length", "accept-encoding"}
        assert names == {
            "content-type",
            "x-amzn-sagemaker-custom-attributes",
            "x-amzn-sagemaker-inference-id",
            "x-amzn-sagemaker-prefix-aware-id",
            "x-amzn-sagemaker-target-variant",
            "x-amzn-sagemaker-target-model",
            "x-amzn-sagemaker-target-container-hostname",
            "x-amzn-sagemaker-inference-component",
        }

    @pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
    def test_a_containers_error_is_a_model_error_with_its_body(
        self, connect: Connect, status: int
    ) -> None:
        client, _, _ = connect(lambda seen: Answer(status, b'{"error": {"code": "x"}}'))
        code, http_status, response = error_of(
            lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}")
        )
        assert (code, http_status) == ("ModelError", 424)
        assert response["OriginalStatusCode"] == status
        assert response["OriginalMessage"] == '{"error": {"code": "x"}}'
        assert response["LogStreamArn"].endswith("/Endpoints/chat")

    def test_an_answer_that_takes_too_long_is_a_model_error(self, connect: Connect) -> None:
        release = threading.Event()

        def slow(seen: Seen) -> Answer:
            release.wait(5)
            return Answer()

        client, _, _ = connect(slow, invoke_timeout_s=0.2)
        code, status, response = error_of(
            lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}")
        )
        release.set()
        assert (code, status, response["OriginalStatusCode"]) == ("ModelError", 424, 0)

    def test_an_answer_cut_short_is_a_model_error(self, connect: Connect) -> None:
        client, _, _ = connect(lambda seen: Answer(chunks=[b"{"], break_off=True))
        code, _, response = error_of(
            lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}")
        )
        assert (code, response["OriginalStatusCode"]) == ("ModelError", 0)

    def test_a_body_over_the_limit_never_reaches_the_container(self, connect: Connect) -> None:
        client, container, _ = connect(lambda seen: Answer())
        limit = 6 * 1024 * 1024
        client.invoke_endpoint(EndpointName="chat", Body=b"x" * limit)
        code, status, _ = error_of(
            lambda: client.invoke_endpoint(EndpointName="chat", Body=b"x" * (limit + 1))
        )
        assert (code, status) == ("413", 413)
        assert len(container.invoked) == 1

    @pytest.mark.parametrize(
        "wrong",
        [
            {"EndpointName": "-bad-"},
            {"SessionId": "under_score"},
            {"InferenceId": "x" * 65},
            {"CustomAttributes": "x" * 1025},
            {"PrefixAwareId": "x" * 65},
        ],
        ids=lambda wrong: next(iter(wrong)),
    )
    def test_a_wrong_value_is_a_validation_error(
        self, connect: Connect, wrong: dict[str, str]
    ) -> None:
        client, container, _ = connect(lambda seen: Answer())
        call = {"EndpointName": "chat", "Body": b"{}"} | wrong
        code, status, _ = error_of(lambda: client.invoke_endpoint(**call))
        assert (code, status) == ("ValidationError", 400)
        assert container.invoked == []

    def test_an_endpoint_that_does_not_exist(self, connect: Connect) -> None:
        client, _, _ = connect(lambda seen: Answer(), endpoint_name="chat")
        code, status, _ = error_of(lambda: client.invoke_endpoint(EndpointName="other", Body=b"{}"))
        assert (code, status) == ("ValidationError", 400)


class TestReadiness:
    def test_a_container_that_still_loads_is_not_ready_then_is(self, connect: Connect) -> None:
        client, container, _ = connect(lambda seen: Answer(body=b"hi"))
        container.ping_status = 503
        code, status, _ = error_of(lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}"))
        assert (code, status) == ("ModelNotReadyException", 429)
        container.ping_status = 200
        assert client.invoke_endpoint(EndpointName="chat", Body=b"{}")["Body"].read() == b"hi"

    def test_no_container_is_service_unavailable(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as unused:
            url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with SageMakerRuntime(RuntimeSettings(container_url=url)) as runtime:
            client = client_for(runtime)
            code, status, _ = error_of(
                lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}")
            )
        assert (code, status) == ("ServiceUnavailable", 503)

    def test_an_injected_fault_hits_one_call(self, connect: Connect) -> None:
        client, _, runtime = connect(lambda seen: Answer(body=b"hi"))
        runtime.fail_next(sagemaker_errors.internal_dependency())
        code, status, _ = error_of(lambda: client.invoke_endpoint(EndpointName="chat", Body=b"{}"))
        assert (code, status) == ("InternalDependencyException", 530)
        assert client.invoke_endpoint(EndpointName="chat", Body=b"{}")["Body"].read() == b"hi"


class TestSessions:
    EXPIRES = "s-1; Expires=2030-01-02T03:04:05Z"

    @pytest.mark.parametrize(
        "header", ["X-Amzn-SageMaker-Session-Id", "X-Amzn-SageMaker-New-Session-Id"]
    )
    def test_opening_one(self, connect: Connect, header: str) -> None:
        client, container, _ = connect(lambda seen: Answer(headers={header: self.EXPIRES}))
        response = client.invoke_endpoint(EndpointName="c", Body=b"{}", SessionId="NEW_SESSION")
        assert container.invoked[0].headers["x-amzn-sagemaker-session-id"] == "NEW_SESSION"
        assert response["NewSessionId"] == self.EXPIRES

    def test_a_malformed_expiry_is_not_passed_on(self, connect: Connect) -> None:
        answer = Answer(headers={"X-Amzn-SageMaker-Session-Id": "s-1; Expires=tomorrow"})
        client, _, _ = connect(lambda seen: answer)
        response = client.invoke_endpoint(EndpointName="c", Body=b"{}", SessionId="NEW_SESSION")
        assert "NewSessionId" not in response

    def test_closing_one(self, connect: Connect) -> None:
        answer = Answer(headers={"X-Amzn-SageMaker-Closed-Session-Id": "s-1"})
        client, container, _ = connect(lambda seen: answer)
        response = client.invoke_endpoint(EndpointName="c", Body=b"{}", SessionId="s-1")
        assert container.invoked[0].headers["x-amzn-sagemaker-session-id"] == "s-1"
        assert response["ClosedSessionId"] == "s-1"

    def test_a_streaming_call_continues_but_cannot_open_one(self, connect: Connect) -> None:
        client, container, _ = connect(lambda seen: Answer(chunks=EVENTS))
        call = {"EndpointName": "c", "Body": b"{}"}
        code, status, _ = error_of(
            lambda: client.invoke_endpoint_with_response_stream(**call, SessionId="NEW_SESSION")
        )
        assert (code, status, container.invoked) == ("ValidationError", 400, [])
        parts_of(client.invoke_endpoint_with_response_stream(**call, SessionId="s-1"))
        assert container.invoked[0].headers["x-amzn-sagemaker-session-id"] == "s-1"


class TestStreams:
    def test_bytes_arrive_whole_but_cut_elsewhere(self, connect: Connect) -> None:
        client, container, _ = connect(
            lambda seen: Answer(chunks=EVENTS, headers={"Content-Type": "text/event-stream"})
        )
        response = client.invoke_endpoint_with_response_stream(
            EndpointName="chat", Body=b"{}", Accept="text/event-stream", CustomAttributes="a"
        )
        parts = parts_of(response)
        assert b"".join(parts) == b"".join(EVENTS)
        assert len(parts) > len(EVENTS)
        assert response["ContentType"] == "text/event-stream"
        assert container.invoked[0].headers["accept"] == "text/event-stream"
        ends = {len(b"".join(parts[: n + 1])) for n in range(len(parts))}
        event_ends = {len(EVENTS[0]), len(EVENTS[0] + EVENTS[1])}
        assert not ends & event_ends

    def test_the_same_seed_cuts_at_the_same_places(self, connect: Connect) -> None:
        def cuts(seed: int) -> list[int]:
            client, _, _ = connect(lambda seen: Answer(chunks=[b"".join(EVENTS) * 8]), seed=seed)
            call = client.invoke_endpoint_with_response_stream
            return [len(part) for part in parts_of(call(EndpointName="chat", Body=b"{}"))]

        assert cuts(7) == cuts(7) != cuts(8)

    def test_a_pause_delivers_what_was_held_back(self, connect: Connect) -> None:
        release = threading.Event()

        def pausing() -> Iterator[bytes]:
            yield b"data: 1\n\n"
            release.wait(5)
            yield b"data: [DONE]\n\n"

        client, _, _ = connect(lambda seen: Answer(chunks=pausing()))
        response = client.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
        got = b""
        for event in response["Body"]:
            got += event["PayloadPart"]["Bytes"]
            if got == b"data: 1\n\n":
                release.set()
        assert release.is_set()
        assert got == b"data: 1\n\ndata: [DONE]\n\n"

    def test_an_error_before_the_stream_is_a_model_error(self, connect: Connect) -> None:
        client, _, _ = connect(lambda seen: Answer(429, b"busy"))
        code, status, response = error_of(
            lambda: client.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
        )
        assert (code, status, response["OriginalStatusCode"]) == ("ModelError", 424, 429)

    def test_a_stream_that_breaks_ends_with_stream_broken(self, connect: Connect) -> None:
        client, _, _ = connect(lambda seen: Answer(chunks=EVENTS[:1], break_off=True))
        response = client.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
        got = b""
        with pytest.raises(EventStreamError) as caught:
            for event in response["Body"]:
                got += event["PayloadPart"]["Bytes"]
        assert got == EVENTS[0]
        assert caught.value.response["Error"]["Code"] == "ModelStreamError"
        assert "StreamBroken" in str(caught.value.response)

    def test_a_stream_that_lasts_too_long_is_cut(self, connect: Connect) -> None:
        release = threading.Event()

        def endless() -> Iterator[bytes]:
            yield EVENTS[0]
            release.wait(5)

        client, _, _ = connect(lambda seen: Answer(chunks=endless()), stream_timeout_s=0.3)
        response = client.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
        with pytest.raises(EventStreamError) as caught:
            parts_of(response)
        release.set()
        assert "ModelInvocationTimeExceeded" in str(caught.value.response)

    def test_a_client_that_leaves_is_seen_by_the_container(self, connect: Connect) -> None:
        stop = threading.Event()

        def ticking() -> Iterator[bytes]:
            while not stop.wait(0.02):
                yield b"data: tick\n\n"

        client, container, _ = connect(lambda seen: Answer(chunks=ticking()))
        response = client.invoke_endpoint_with_response_stream(EndpointName="chat", Body=b"{}")
        next(iter(response["Body"]))
        response["Body"].close()
        assert container.client_left.wait(5)
        stop.set()
