"""What can go wrong between the socket and the engine, as leaves of the engine's own tree.

serving.errors.KeepwarmError
|-- InvalidRequest
|   |-- InvalidJson              400 invalid_json
|   |-- NotAcceptable            406 not_acceptable
|   |-- PayloadTooLarge          413 payload_too_large
|   |-- UnsupportedMediaType     415 unsupported_media_type
|   |-- SessionNotFound          404 session_not_found
|   `-- SessionExpired           410 session_expired
|-- NoBlocks                     404 no_kv_blocks
|-- BodyTimeout                  408 request_timeout
|-- ClientGone                   499 client_gone        (seen in the log only)
|-- UserCodeError                500 user_code_error
`-- EngineUnavailable
    `-- EngineStalled            503 engine_stalled
"""

from __future__ import annotations

from serving.errors import EngineUnavailable, InvalidRequest, KeepwarmError


class InvalidJson(InvalidRequest):
    """The body is no JSON; the message gives the position."""

    code = "invalid_json"


class NotAcceptable(InvalidRequest):
    """None of the media types in Accept can be produced."""

    status = 406
    code = "not_acceptable"


class PayloadTooLarge(InvalidRequest):
    """The body exceeds the limit."""

    status = 413
    code = "payload_too_large"


class UnsupportedMediaType(InvalidRequest):
    """The body's media type or charset cannot be read."""

    status = 415
    code = "unsupported_media_type"


class SessionNotFound(InvalidRequest):
    """The session id is not known to this instance."""

    status = 404
    code = "session_not_found"


class SessionExpired(InvalidRequest):
    """The session was known, and its time is over."""

    status = 410
    code = "session_expired"


class NoBlocks(KeepwarmError):
    """What serves here has no KV blocks that could be shown."""

    status = 404
    code = "no_kv_blocks"


class BodyTimeout(KeepwarmError):
    """The client stopped sending in the middle of its body."""

    status = 408
    code = "request_timeout"


class ClientGone(KeepwarmError):
    """The client closed its connection before the answer was complete; nobody reads this."""

    status = 499
    code = "client_gone"


class UserCodeError(KeepwarmError):
    """A function of the model's own code raised; its traceback is in the log alone."""

    code = "user_code_error"


class EngineStalled(EngineUnavailable):
    """The engine let the request's deadline pass without ending it."""

    code = "engine_stalled"
