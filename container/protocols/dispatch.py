"""Which format a body is in: its route says so, or on /invocations the field with the input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from container.protocols.fields import parse_object
from container.protocols.openai import parse_chat, parse_completion
from container.protocols.request import GenerationRequest
from container.protocols.sagemaker import parse_inputs
from serving.errors import InvalidRequest

Parser = Callable[[dict[str, Any]], GenerationRequest]

BY_ROUTE: dict[str, Parser] = {
    "/v1/chat/completions": parse_chat,
    "/v1/completions": parse_completion,
}
BY_FIELD: dict[str, Parser] = {
    "messages": parse_chat,
    "prompt": parse_completion,
    "inputs": parse_inputs,
}


def parse_body(body: str | bytes, route: str) -> GenerationRequest:
    """The request in a JSON body.

    Raises:
        InvalidRequest: no JSON object, no known format, or a field that is wrong.
    """
    content = parse_object(body)
    if route in BY_ROUTE:
        return BY_ROUTE[route](content)
    for field, parse in BY_FIELD.items():
        if field in content:
            return parse(content)
    raise InvalidRequest(
        "the body must hold messages (chat), prompt (completion) or inputs (text generation)"
    )
