"""Between a real boto3 client and the fake: requests are caught before they are sent.

client method -> validation, serialising -> [here] -> parsing -> result or ClientError
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from typing import Any

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ReadTimeoutError

from pipelines.testing.control_plane import encoding, strict
from pipelines.testing.control_plane.faults import LOST
from pipelines.testing.control_plane.part import Answer, ApiError, Call, Parameters

Handle = Callable[[Call], Answer]


def attach(client: Any, service: str, role: str, handle: Handle) -> None:
    """Answer all calls of `client` by `handle`."""
    _Interceptor(client, service, role, handle)


class _Interceptor:
    """The parameters come from the call itself, the answer goes through the service's protocol."""

    def __init__(self, client: Any, service: str, role: str, handle: Handle) -> None:
        self._model = client.meta.service_model
        self._service, self._role, self._handle = service, role, handle
        self._current = threading.local()
        events = client.meta.events
        prefix = self._model.service_id.hyphenize()
        events.register(f"provide-client-params.{prefix}.*", self._keep_parameters)
        events.register(f"before-send.{prefix}.*", self._answer)

    def _keep_parameters(self, params: Parameters, **_: Any) -> None:
        self._current.parameters = params

    def _answer(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        operation = self._model.operation_model(event_name.rpartition(".")[2])
        call = Call(self._service, operation.name, self._current.parameters, self._role)
        protocol = self._model.resolved_protocol
        try:
            strict.check(operation.input_shape, call.parameters)
            wire = encoding.answer(protocol, operation, self._handle(call))
        except ApiError as error:
            if error.code == LOST:
                raise ReadTimeoutError(endpoint_url=request.url) from error
            wire = encoding.error(protocol, error)
        headers = {**wire.headers, "x-amzn-requestid": "00000000-0000-0000-0000-000000000000"}
        return AWSResponse(request.url, wire.status, headers, _Body(wire.body))


class _Body(io.BytesIO):
    """What urllib3 would hand over."""

    def stream(self, size: int = 65536, **_: Any) -> Iterator[bytes]:
        while chunk := self.read(size):
            yield chunk
