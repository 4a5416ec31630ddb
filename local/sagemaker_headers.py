"""Which headers the SageMaker runtime lets through, each way, and what it demands of them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping

from local.sagemaker_errors import validation_error

log = logging.getLogger(__name__)

PREFIX = "X-Amzn-SageMaker-"
SESSION_ID = PREFIX + "Session-Id"
NEW_SESSION_ID = PREFIX + "New-Session-Id"
CLOSED_SESSION_ID = PREFIX + "Closed-Session-Id"
CUSTOM_ATTRIBUTES = PREFIX + "Custom-Attributes"
STREAM_ACCEPT = PREFIX + "Accept"
STREAM_CONTENT_TYPE = PREFIX + "Content-Type"
INVOKED_VARIANT = "x-Amzn-Invoked-Production-Variant"

_ID = r"[a-zA-Z0-9](-*[a-zA-Z0-9])*"
_PRINTABLE = r"[\x21-\x7e][\x20-\x7e]*"
_EXPIRY = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"
_NEW_SESSION = re.compile(rf"{_ID};\sExpires={_EXPIRY}")

# Header of the API -> (longest value, pattern of the whole value).
_REQUEST_RULES: dict[str, tuple[int, re.Pattern[str]]] = {
    CUSTOM_ATTRIBUTES: (1024, re.compile(r"[\x00-\x7f]*")),
    PREFIX + "Target-Model": (1024, re.compile(_PRINTABLE)),
    PREFIX + "Target-Variant": (63, re.compile(_ID)),
    PREFIX + "Target-Container-Hostname": (63, re.compile(_ID)),
    PREFIX + "Inference-Id": (64, re.compile(_PRINTABLE)),
    PREFIX + "Inference-Component": (63, re.compile(_ID)),
    PREFIX + "Prefix-Aware-Id": (64, re.compile(_PRINTABLE)),
    PREFIX + "Enable-Explanations": (64, re.compile(r".+")),
    SESSION_ID: (256, re.compile(rf"NEW_SESSION|{_ID}")),
}
_STREAMING_SESSION = re.compile(_ID)


def to_container(client: Mapping[str, str], *, streaming: bool) -> dict[str, str]:
    """Headers the container gets: content type, accept and the API's own, nothing else.

    Raises:
        PlatformError: ValidationError for a value the API does not allow; a new session cannot be
            opened by a streaming call.
    """
    lowered = {name.lower(): value for name, value in client.items()}
    accept = lowered.get((STREAM_ACCEPT if streaming else "Accept").lower())
    passed = {"Content-Type": lowered.get("content-type", "application/octet-stream")}
    if accept is not None:
        passed["Accept"] = accept
    for name, (longest, pattern) in _REQUEST_RULES.items():
        value = lowered.get(name.lower())
        if value is None:
            continue
        rule = _STREAMING_SESSION if streaming and name == SESSION_ID else pattern
        if len(value) > longest or not rule.fullmatch(value):
            raise validation_error(
                f"Value at '{name}' must satisfy: at most {longest} characters, {rule.pattern}"
            )
        passed[name] = value
    return passed


def to_client(container: Mapping[str, str], *, streaming: bool) -> dict[str, str]:
    """Headers the client gets of the container's (names in lower case).

    A container tells of a new session in `Session-Id`, with its expiry; the client is told in
    `New-Session-Id`. A streaming answer has no place for sessions.
    """
    content_type = container.get("content-type", "application/octet-stream")
    sent = {
        STREAM_CONTENT_TYPE if streaming else "Content-Type": content_type,
        INVOKED_VARIANT: "AllTraffic",
    }
    if (attributes := container.get(CUSTOM_ATTRIBUTES.lower())) is not None:
        sent[CUSTOM_ATTRIBUTES] = attributes
    if not streaming:
        sent.update(_session_headers(container))
    return sent


def _session_headers(container: Mapping[str, str]) -> dict[str, str]:
    sent = {}
    opened = container.get(SESSION_ID.lower(), container.get(NEW_SESSION_ID.lower()))
    if opened is not None and _NEW_SESSION.fullmatch(opened):
        sent[NEW_SESSION_ID] = opened
    elif opened is not None:
        log.warning("dropped %s: it is not '<id>; Expires=YYYY-MM-DDThh:mm:ssZ'", SESSION_ID)
    if (closed := container.get(CLOSED_SESSION_ID.lower())) is not None:
        sent[CLOSED_SESSION_ID] = closed
    return sent
