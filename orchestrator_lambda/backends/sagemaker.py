"""A SageMaker endpoint, by boto3's streaming call.

    StreamGeneration --open--> InvokeEndpointWithResponseStream --> PayloadPart, PayloadPart, ...
                        `----> InvokeEndpoint(NEW_SESSION), first, in session mode

boto3 repeats failed calls by default, which repeats the work of a GPU: here it never does. What is
tried again, and where, is the router's decision.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator_lambda.backends.body import (
    MAX_BODY_BYTES,
    MIN_HEADER,
    canonical_body,
    routing_id,
)
from orchestrator_lambda.backends.connections import Limits, interrupt
from orchestrator_lambda.backends.endpoint_sessions import EndpointSessions
from orchestrator_lambda.backends.failures import SessionGone
from orchestrator_lambda.backends.generation import StreamGeneration
from orchestrator_lambda.backends.interface import Generation, GenerationRequest, Receipt
from orchestrator_lambda.backends.sagemaker_failures import calling, streaming
from orchestrator_lambda.backends.warming import warm
from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    InvalidRequest,
)

log = logging.getLogger(__name__)

NEW_SESSION = "NEW_SESSION"
MAX_ATTRIBUTES = 1024


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """Which endpoint, and how it is called.

    Attributes:
        prefix_aware: send `PrefixAwareId`; for endpoints with PREFIX_AWARE routing.
        header_bytes: width of the body's header; the routing's `PrefixLength`.
        sessions: keep each conversation in a SageMaker session; None: no session mode.
    """

    name: str
    variant: str | None = None
    inference_component: str | None = None
    prefix_aware: bool = False
    header_bytes: int = MIN_HEADER
    max_bytes: int = MAX_BODY_BYTES
    sessions: EndpointSessions | None = None

    @property
    def target(self) -> dict[str, str]:
        """The parameters that name it in a call."""
        target = {
            "EndpointName": self.name,
            "TargetVariant": self.variant,
            "InferenceComponentName": self.inference_component,
        }
        return {name: value for name, value in target.items() if value}


class SageMakerBackend:
    """Obeys `Backend`; any number of threads may generate at once.

    Args:
        name: in receipts and logs.
        client: boto3's `sagemaker-runtime`, as `runtime_client` makes it.
        endpoint: what it calls.
    """

    def __init__(self, name: str, client: Any, endpoint: Endpoint) -> None:
        self.name = name
        self._client = client
        self._endpoint = endpoint

    def generate(self, request: GenerationRequest) -> Generation:
        """See Backend.generate; the call is made when the generation is iterated."""
        endpoint = self._endpoint
        body = canonical_body(
            request, header_bytes=endpoint.header_bytes, max_bytes=endpoint.max_bytes
        )
        return StreamGeneration(
            self.name, lambda: self._open(request, body), deadline_ms=request.deadline_ms
        )

    def warm(self, request: GenerationRequest) -> Receipt | None:
        """See Warmable."""
        return warm(self, request)

    def healthy(self) -> bool:
        """Always: what it has been through is the breaker's to know."""
        return True

    def _open(self, request: GenerationRequest, body: bytes) -> _EventBody:
        session_id = request.session_id or self._session_of(request)
        try:
            return self._invoke(request, body, session_id)
        except SessionGone:
            if session_id is None:
                raise
        log.info("a session is gone", extra={"backend": self.name})
        return self._invoke(request, body, self._new_session(request))

    def _invoke(
        self, request: GenerationRequest, body: bytes, session_id: str | None
    ) -> _EventBody:
        fields: dict[str, Any] = {**self._endpoint.target, **_trace_attributes(request.trace)}
        if session_id is not None:
            fields["SessionId"] = session_id
        if self._endpoint.prefix_aware:
            fields["PrefixAwareId"] = routing_id(request)
        with calling(self.name):
            answer = self._client.invoke_endpoint_with_response_stream(
                Body=body, ContentType="application/json", Accept="text/event-stream", **fields
            )
        return _EventBody(answer["Body"], self.name)

    def _session_of(self, request: GenerationRequest) -> str | None:
        sessions = self._endpoint.sessions
        if sessions is None:
            return None
        return sessions.known(request.conversation_id) or self._new_session(request)

    def _new_session(self, request: GenerationRequest) -> str | None:
        """Begin a session; None where the endpoint has none to give: it answers without, too."""
        sessions = self._endpoint.sessions
        if sessions is None:
            return None
        try:
            with calling(self.name):
                answer = self._client.invoke_endpoint(
                    Body=json.dumps({"requestType": NEW_SESSION}).encode(),
                    ContentType="application/json",
                    Accept="application/json",
                    SessionId=NEW_SESSION,
                    **self._endpoint.target,
                )
                answer["Body"].read()  # to its end, so that the connection can be used again
        except (BackendOverloaded, BackendUnavailable):
            raise
        except (BackendError, InvalidRequest):
            log.warning("an endpoint begins no session", extra={"backend": self.name})
            return None
        return sessions.learn(request.conversation_id, answer.get("NewSessionId", ""))


class _EventBody:
    """The payload of an event stream."""

    def __init__(self, body: Any, backend: str) -> None:
        self._body = body
        self._backend = backend

    def __iter__(self) -> Iterator[bytes]:
        with streaming(self._backend):
            for event in self._body:
                part = event.get("PayloadPart")
                if part is not None:
                    yield part.get("Bytes", b"")

    def interrupt(self) -> None:
        """See ByteStream. botocore gives no other way to the response it reads."""
        interrupt(getattr(self._body, "_raw_stream", None))

    def close(self) -> None:
        """See ByteStream."""
        self._body.close()


def runtime_client(
    *,
    region: str | None = None,
    endpoint_url: str | None = None,
    limits: Limits | None = None,
    **credentials: str,
) -> Any:
    """A `sagemaker-runtime` client that never repeats a call and never waits long in silence.

    Args:
        region: by default boto3's own.
        endpoint_url: by default the region's.
        limits: of connections.
        credentials: `aws_access_key_id` and so on; by default boto3's own chain.

    Raises:
        BotoCoreError: no region is known, or the URL is none.
    """
    import boto3
    from botocore.config import Config

    limits = limits or Limits()
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=limits.connect_s,
        read_timeout=limits.stall_s,
        tcp_keepalive=True,
        max_pool_connections=limits.pool,
    )
    return boto3.client(
        "sagemaker-runtime",
        region_name=region,
        endpoint_url=endpoint_url,
        config=config,
        **credentials,
    )


def _trace_attributes(trace: Mapping[str, str]) -> dict[str, str]:
    """The trace as JSON: SageMaker strips all other headers.

    Where it is too long, what vendors have added to it goes first, then X-Ray's notation of it.
    """
    for left_out in ((), ("tracestate",), ("tracestate", "x-amzn-trace-id")):
        kept = {name: value for name, value in trace.items() if name not in left_out}
        text = json.dumps(kept, separators=(",", ":"))
        if kept and len(text) <= MAX_ATTRIBUTES:
            return {"CustomAttributes": text}
    return {}
