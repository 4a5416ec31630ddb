"""What one request carries through the handler's functions besides its data.

The methods with an index are those of the context that SageMaker's toolkits hand to user
functions, so that functions written for those work here; the index is always 0.
"""

from __future__ import annotations

import enum
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from werkzeug.datastructures import Headers

from container.disconnect import ClientSocket
from container.ledger import Ledger
from container.protocols.conversation import label_of
from container.protocols.request import REQUEST_ID, GenerationRequest
from container.tracing import trace_id_of

if TYPE_CHECKING:
    from container.engine_scope import RequestEngine


class Route(enum.StrEnum):
    """The route a request came by; it decides how the default input_fn reads the body."""

    INVOCATIONS = "/invocations"
    CHAT = "/v1/chat/completions"
    COMPLETIONS = "/v1/completions"


class RequestProcessor:
    """The shape in which SageMaker's toolkits give access to the request's headers."""

    def __init__(self, headers: Headers) -> None:
        self._headers = headers

    def get_request_properties(self) -> dict[str, str]:
        """The request's headers."""
        return dict(self._headers)


class RequestContext:
    """One request: made anew for each, dropped with its answer.

    Attributes:
        request: what the default input_fn read; None while or unless it did.
        streaming: the answer is a stream; it has the longer deadline.
        ledger: what was generated so far, for the receipt, the log and the metrics.
        engine: the engine for the time of this request; None in the compatibility lane.
        session_id: the stateful session that the request belongs to.
        trace_id: the trace that the caller says it belongs to; for the log.
    """

    def __init__(
        self,
        route: Route = Route.INVOCATIONS,
        *,
        headers: Headers | None = None,
        client: ClientSocket | None = None,
        model_dir: Path = Path("/opt/ml/model"),
        model_name: str = "model",
        instance: str = "instance",
        deadline_s: float = 55.0,
        stream_deadline_s: float = 470.0,
        heartbeat_s: float = 15.0,
    ) -> None:
        self.route = route
        self.headers = Headers() if headers is None else headers
        self.client = client or ClientSocket(None)
        self.model_name = model_name
        self.instance = instance
        self.heartbeat_s = heartbeat_s
        self.request_id = uuid.uuid4().hex
        self.created = int(time.time())
        self.started = time.monotonic()
        self.request: GenerationRequest | None = None
        self.streaming = False
        self.engine: RequestEngine | None = None
        self.ledger = Ledger(self.started)
        self.session_id: str | None = None
        self.trace_id = trace_id_of(self.headers)
        self.session_expires: str | None = None
        self.request_processor = [RequestProcessor(self.headers)]
        self.system_properties = {
            "model_dir": str(model_dir),
            "gpu_id": None,
            "batch_size": 1,
            "server_name": "keepwarm",
        }
        self.response_status: int | None = None
        self.response_content_type: str | None = None
        self.response_headers: dict[str, str] = {}
        self._deadline_s = deadline_s
        self._stream_deadline_s = stream_deadline_s

    @property
    def deadline(self) -> float:
        """`time.monotonic()` at which the answer is cut."""
        return self.started + (self._stream_deadline_s if self.streaming else self._deadline_s)

    @property
    def label(self) -> str:
        """Its conversation, session or user, whichever it names first, as `GET /kv` shows it."""
        request, session_id = self.request, self.session_id or ""
        if request is None:
            return label_of(session_id)
        return label_of(request.conversation or session_id or request.user, request.cache_salt)

    def name(self, request_id: str | None) -> None:
        """Take over an id from the platform, if it has the form of one."""
        if request_id is not None and REQUEST_ID.fullmatch(request_id):
            self.request_id = request_id

    def adopt(self, request: GenerationRequest) -> None:
        """Take over what the request says of itself: its id, and whether it streams."""
        self.request = request
        self.streaming = request.stream
        self.request_id = request.request_id or self.request_id

    def get_request_id(self, idx: int = 0) -> str:
        """The request's id."""
        return self.request_id

    def get_request_header(self, idx: int, key: str) -> str | None:
        """One header of the request."""
        return self.headers.get(key)

    def get_all_request_header(self, idx: int = 0) -> dict[str, str]:
        """All headers of the request."""
        return dict(self.headers)

    def set_response_status(self, code: int = 200, phrase: str = "", idx: int = 0) -> None:
        """Choose the status of the answer; the phrase is the status's own."""
        self.response_status = code

    def set_response_content_type(self, idx: int, value: str) -> None:
        """Choose the media type of the answer."""
        self.response_content_type = value

    def set_response_header(self, idx: int, key: str, value: str) -> None:
        """Add a header to the answer."""
        self.response_headers[key] = value
