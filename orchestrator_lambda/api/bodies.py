"""Reading requests: bodies, queries and headers, each with an error that names the field."""

from __future__ import annotations

from typing import Any

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.http.message import HttpRequest


def json_object(request: HttpRequest, *, optional: bool = False) -> dict[str, Any]:
    """The body as a JSON object; an empty one where it may be left out.

    Raises:
        InvalidRequest: it is anything else.
    """
    if optional and not request.body.strip():
        return {}
    content = request.json()
    if not isinstance(content, dict):
        raise InvalidRequest("the body must be a JSON object")
    return content


def known_fields(body: dict[str, Any], *names: str) -> None:
    """Refuse a body with other fields: a misspelt one must not be passed over in silence.

    Raises:
        InvalidRequest: naming the field.
    """
    for name in body:
        if name not in names:
            raise InvalidRequest(
                f"unknown field {name[:64]!r}; known are: {', '.join(names)}", param=name[:64]
            )


def text_field(body: dict[str, Any], name: str, default: str = "") -> str:
    """A string; `default` where it is absent or null.

    Raises:
        InvalidRequest: it is no string.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be a string", param=name)
    return value


def flag_field(body: dict[str, Any], name: str, default: bool) -> bool:
    """True or false; `default` where it is absent or null.

    Raises:
        InvalidRequest: it is neither.
    """
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false", param=name)
    return value


def integer_field(body: dict[str, Any], name: str) -> int | None:
    """A whole number from 0 on; None where it is absent or null.

    Raises:
        InvalidRequest: it is anything else.
    """
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**10:
        raise InvalidRequest(f"{name} must be a whole number from 0 on", param=name)
    return value


def integer_parameter(request: HttpRequest, name: str, default: int, *, low: int, high: int) -> int:
    """A number in the query.

    Raises:
        InvalidRequest: it is none, or is out of bounds.
    """
    text = request.query.get(name)
    if text is None:
        return default
    plain = text.isascii() and text.isdigit() and len(text) <= 12
    if not plain or not low <= int(text) <= high:
        raise InvalidRequest(f"{name} must be a whole number in [{low}, {high}]", param=name)
    return int(text)


def header(request: HttpRequest, name: str) -> str | None:
    """A header without the space around it; None where it is absent or empty."""
    return (request.headers.get(name) or "").strip() or None
