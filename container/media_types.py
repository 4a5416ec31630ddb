"""Content-Type and Accept, read as RFC 9110 has them: parameters, wildcards, q-values."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message

from container.errors import InvalidJson, NotAcceptable, UnsupportedMediaType
from serving.errors import InvalidRequest

JSON = "application/json"
JSON_LINES = "application/jsonlines"
EVENT_STREAM = "text/event-stream"
CSV = "text/csv"
TEXT = "text/plain"
OCTET_STREAM = "application/octet-stream"
TEXT_TYPES = frozenset({JSON, JSON_LINES, CSV, TEXT})


@dataclass(frozen=True)
class MediaType:
    """A media type without its parameters, and the charset that was among them."""

    name: str
    charset: str = "utf-8"


def parse_content_type(header: str | None) -> MediaType:
    """The body's media type; JSON when the header is missing, as SageMaker sends no default.

    Raises:
        UnsupportedMediaType: the header is malformed, or names an unknown charset.
    """
    if not header or not header.strip():
        return MediaType(JSON)
    name, parameters = _split(header)
    main, _, sub = name.partition("/")
    if not main or not sub:
        raise UnsupportedMediaType(f"Content-Type {header[:80]!r} is no media type")
    charset = parameters.get("charset", "utf-8")
    try:
        return MediaType(name, codecs.lookup(charset).name)
    except LookupError:
        raise UnsupportedMediaType(f"charset {charset[:40]!r} is not known; send utf-8") from None


def decode_text(body: bytes, media: MediaType) -> str | bytes:
    """The body as text where its media type is one of text, else as it came.

    Raises:
        InvalidRequest: the bytes are no text in that charset; the message gives the position.
    """
    if media.name not in TEXT_TYPES:
        return body
    try:
        return body.decode(media.charset)
    except UnicodeDecodeError as error:
        kind = InvalidJson if media.name == JSON else InvalidRequest
        raise kind(
            f"the body must be {media.charset}: invalid byte at position {error.start}"
        ) from None
    except (LookupError, UnicodeError):  # a codec of something else: hex, or "undefined"
        raise UnsupportedMediaType(f"charset {media.charset!r} is none of text") from None


def choose(accept: str | None, supported: Sequence[str] | None, default: str) -> str:
    """The media type to answer with.

    Args:
        accept: the Accept header.
        supported: what can be produced, or None when that is the model's code's own matter.
        default: for a request that leaves the choice.

    Raises:
        NotAcceptable: nothing the client accepts can be produced.
    """
    wanted, refused = _preferences(accept)
    if not wanted and not refused:
        return default
    options = [name for name in supported or [default] if name not in refused]
    for pattern in wanted:
        if supported is None and not pattern.endswith("/*"):
            return pattern
        matches = [name for name in options if _matches(pattern, name)]
        if matches:
            return default if default in matches else matches[0]
    if supported is None and wanted:
        return default
    possible = ", ".join(supported or [default])
    raise NotAcceptable(f"this can be answered as {possible}; Accept allows none of it")


def _preferences(accept: str | None) -> tuple[list[str], set[str]]:
    """The patterns of an Accept header, the most wanted first, and those that it excludes."""
    ranked: list[tuple[float, int, str]] = []
    refused: set[str] = set()
    for position, item in enumerate((accept or "").split(",")):
        name, parameters = _split(item)
        quality = _quality(parameters.get("q", "1"))
        if name and quality > 0:
            ranked.append((-quality, position, name))
        elif name:
            refused.add(name)
    return [name for _, _, name in sorted(ranked)], refused


def _quality(text: str) -> float:
    """A q-value; what is no number between 0 and 1 counts as 1, as if it were not there."""
    try:
        value = float(text)
    except ValueError:
        return 1.0
    return value if 0 <= value <= 1 else 1.0


def _matches(pattern: str, name: str) -> bool:
    if pattern == "*/*":
        return True
    if pattern.endswith("/*"):
        return name.startswith(pattern[:-1])
    return pattern == name


def _split(header: str) -> tuple[str, dict[str, str]]:
    """Name in lower case, and parameters."""
    message = Message()
    message["content-type"] = header.replace("\r", " ").replace("\n", " ")
    parts = message.get_params(failobj=[], header="content-type")
    if not parts:
        return "", {}
    return parts[0][0].strip().lower(), {key.lower(): value for key, value in parts[1:]}
