"""Answers and errors in the protocols of AWS, by the shapes of botocore's service models."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from pipelines.testing.control_plane.part import Answer, ApiError


@dataclass(frozen=True)
class Wire:
    """One HTTP answer."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def answer(protocol: str, operation: Any, result: Answer) -> Wire:
    """A result in the service's protocol.

    Raises:
        TypeError: the fake answered with something that the service's model does not have.
    """
    shape = operation.output_shape
    if shape is None:
        return Wire(b"{}" if "json" in protocol else _xml(f"{operation.name}Response", None, {}))
    _check(shape, result)
    payload = shape.serialization.get("payload")
    headers = _headers(shape, result)
    if payload and shape.members[payload].type_name == "blob":
        body = result.get(payload, b"")
        return Wire(body, headers={**headers, "Content-Length": str(len(body))})
    if "json" in protocol:
        return Wire(json.dumps(_plain(shape, result)).encode(), headers=headers)
    name = shape.serialization.get("resultWrapper")
    inner = _xml(name or shape.name, shape, result)
    whole = b"<Response>%s</Response>" % inner if name else inner
    return Wire(whole, headers=headers)


def error(protocol: str, failure: ApiError) -> Wire:
    """An error in the service's protocol."""
    if "json" in protocol:
        body = json.dumps({"__type": failure.code, "message": str(failure)}).encode()
        return Wire(body, failure.status, {"x-amzn-errortype": failure.code})
    text = f"<Code>{failure.code}</Code><Message>{escape(str(failure))}</Message>"
    wrapped = f"<Error>{text}</Error>"
    if protocol == "query":
        wrapped = f"<ErrorResponse>{wrapped}</ErrorResponse>"
    return Wire(wrapped.encode(), failure.status)


def _check(shape: Any, result: Answer) -> None:
    unknown = sorted(set(result) - set(shape.members))
    if unknown:
        raise TypeError(f"{shape.name} has no {', '.join(unknown)}")


def _headers(shape: Any, result: Answer) -> dict[str, str]:
    return {
        member.serialization["name"]: str(result[name])
        for name, member in shape.members.items()
        if member.serialization.get("location") == "header" and name in result
    }


def _plain(shape: Any, value: Any) -> Any:
    """A value as JSON has it: seconds for times, base64 for bytes, the wire's names."""
    if value is None:
        return None
    if shape.type_name == "structure":
        _check(shape, value)
        return {
            shape.members[name].serialization.get("name", name): _plain(shape.members[name], one)
            for name, one in value.items()
            if one is not None
        }
    if shape.type_name == "list":
        return [_plain(shape.member, one) for one in value]
    if shape.type_name == "map":
        return {key: _plain(shape.value, one) for key, one in value.items()}
    if isinstance(value, datetime):
        iso = shape.serialization.get("timestampFormat") == "iso8601"
        return value.isoformat() if iso else value.timestamp()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def _xml(name: str, shape: Any, value: Any) -> bytes:
    element = ElementTree.Element(name)
    if shape is not None:
        _fill(element, shape, value)
    return ElementTree.tostring(element)


def _fill(element: ElementTree.Element, shape: Any, value: Any) -> None:
    if shape.type_name == "structure":
        for name, one in value.items():
            _add(element, shape.members[name].serialization.get("name", name), shape, name, one)
    elif shape.type_name == "list":
        inner = shape.member.serialization.get("name", "member")
        for one in value:
            _fill(ElementTree.SubElement(element, inner), shape.member, one)
    elif isinstance(value, bool):
        element.text = str(value).lower()
    else:
        element.text = value.isoformat() if isinstance(value, datetime) else str(value)


def _add(parent: ElementTree.Element, tag: str, shape: Any, name: str, value: Any) -> None:
    member = shape.members[name]
    if value is None or member.serialization.get("location"):
        return
    if member.type_name == "list" and member.serialization.get("flattened"):
        for one in value:
            _fill(ElementTree.SubElement(parent, tag), member.member, one)
    else:
        _fill(ElementTree.SubElement(parent, tag), member, value)
