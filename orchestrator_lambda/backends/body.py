"""The body of a request, the same bytes for the same content, ordered so that its start stays.

    {"routing_key":"tenant.revision.conversation.....","cache_salt":"tenant",  <- `width` bytes
     "messages":[{..},{..},                                                    <- grows at its end
     ..}],"max_tokens":..,"stream":true,..,"request_id":".."}                  <- changes each time

An endpoint with PREFIX_AWARE routing hashes the first bytes of the body (`PrefixLength`, 1024 to
65536). The header alone is as long as that: so a conversation's first turn, however short, goes
where its later turns go, and one conversation does not follow another because they begin alike.
Every id is hashed to a fixed width. The salt keeps the prefix caches of tenants apart.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.backends.interface import ChatMessage, GenerationRequest
from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge

MIN_HEADER, MAX_HEADER = 1024, 65536
MAX_BODY_BYTES = 6 * 1024 * 1024
MAX_REQUEST_ID = 128

_PADDING = "."
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._:-]")
_RESERVED = frozenset(
    {
        "add_generation_prompt",
        "cache_salt",
        "continue_final_message",
        "messages",
        "request_id",
        "routing_key",
        "stream",
        "stream_options",
    }
)


def canonical_body(
    request: GenerationRequest, *, header_bytes: int = MIN_HEADER, max_bytes: int = MAX_BODY_BYTES
) -> bytes:
    """The JSON body of a streamed chat completion.

    Args:
        request: what is asked.
        header_bytes: width of the header; the endpoint's `PrefixLength`.
        max_bytes: longest body.

    Raises:
        InvalidRequest: a message or a sampling field has no place in a body.
        PayloadTooLarge: the body is longer than that.
    """
    try:
        body = b"".join(
            (
                _header(request, header_bytes),
                b'"messages":[',
                b",".join(_message(message) for message in request.messages),
                b"],",
                _settings(request),
                b',"request_id":',
                _json(wire_id(request.request_id)),
                b"}",
            )
        )
    except UnicodeEncodeError:
        raise InvalidRequest(
            "a text holds half of a surrogate pair; send the character itself", param="messages"
        ) from None
    if len(body) > max_bytes:
        raise PayloadTooLarge(
            f"the conversation takes {len(body)} bytes; the model takes {max_bytes} at most"
        )
    return body


def routing_id(request: GenerationRequest) -> str:
    """64 characters that name the conversation to a router, whatever its ids are."""
    return "".join(
        (
            _digest(request.tenant, 8),
            _digest(request.model_revision, 8),
            _digest(request.conversation_id, 16),
        )
    )


def wire_id(request_id: str) -> str:
    """The request's id with the characters and the length that the container allows."""
    return _NOT_IN_IDS.sub("-", request_id)[:MAX_REQUEST_ID] or "-"


def _header(request: GenerationRequest, width: int) -> bytes:
    if not MIN_HEADER <= width <= MAX_HEADER:
        raise ValueError(f"the header is {MIN_HEADER} to {MAX_HEADER} bytes wide, not {width}")
    key = b'{"routing_key":"' + routing_id(request).encode()
    salt = b'","cache_salt":"' + _digest(request.tenant, 16).encode() + b'",'
    return key + _PADDING.encode() * (width - len(key) - len(salt)) + salt


def _message(message: ChatMessage) -> bytes:
    return _json({"role": message.role, "content": message.content})


def _settings(request: GenerationRequest) -> bytes:
    """All other fields by name, without braces."""
    fields: dict[str, Any] = {**_sampling(request.sampling), "stream": True}
    if request.continue_final:
        fields |= {"add_generation_prompt": False, "continue_final_message": True}
    return _json(dict(sorted(fields.items())))[1:-1]


def _sampling(sampling: Mapping[str, Any]) -> dict[str, Any]:
    taken = _RESERVED.intersection(sampling)
    if taken:
        name = min(taken)
        raise InvalidRequest(f"{name} is no sampling parameter", param=name)
    if sampling.get("n") not in (None, 1):
        raise InvalidRequest("n must be 1: a turn has one answer", param="n")
    return {name: value for name, value in sampling.items() if value is not None}


def _json(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError):
        raise InvalidRequest("a sampling parameter is no finite JSON value") from None
    return text.encode()


def _digest(text: str, size: int) -> str:
    """2 * `size` hexadecimal digits."""
    raw = text.encode("utf-8", "surrogatepass")
    return hashlib.blake2b(raw, digest_size=size).hexdigest()
