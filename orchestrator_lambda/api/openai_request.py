"""Reading OpenAI's chat completion requests."""

from __future__ import annotations

import hashlib
from typing import Any

from orchestrator_lambda.backends.interface import ChatMessage
from orchestrator_lambda.conversation.limits import check_text
from orchestrator_lambda.errors import InvalidRequest

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
MAX_MESSAGES = 10_000
_REFUSED = ("tools", "functions", "response_format", "logprobs")


def check_supported(body: dict[str, Any], model: str) -> None:
    """Refuse what would change the answer and is not done here.

    Raises:
        InvalidRequest: naming the field.
    """
    asked = body.get("model")
    if asked is not None and asked != model:
        raise InvalidRequest(f"the model served here is {model!r}", param="model")
    if body.get("n") not in (None, 1):
        raise InvalidRequest("n must be 1", param="n")
    for name in _REFUSED:
        if body.get(name):
            raise InvalidRequest(f"{name} is not supported here; leave it out", param=name)


def read_messages(body: dict[str, Any], limit: int) -> list[ChatMessage]:
    """`messages` of a chat completion; content as text or as parts of type text.

    Raises:
        InvalidRequest: something else is there; the error names it.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not 0 < len(messages) <= MAX_MESSAGES:
        raise InvalidRequest("messages must be a list of messages", param="messages")
    found = []
    for index, message in enumerate(messages):
        name = f"messages[{index}]"
        role = message.get("role") if isinstance(message, dict) else None
        if not isinstance(role, str) or role not in ROLES:
            raise InvalidRequest(f"{name}.role must be one of {', '.join(ROLES)}", param=name)
        content = _text_of(message.get("content"), f"{name}.content")
        check_text(content, param=f"{name}.content", limit=limit, empty=role == "assistant")
        found.append(ChatMessage(role=ROLES[role], content=content))
    return found


def _text_of(content: Any, name: str) -> str:
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [
        part.get("text") for part in parts if isinstance(part, dict) and part.get("type") == "text"
    ]
    if not parts or len(texts) != len(parts) or not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(f"{name} must be text, or parts of type text", param=name)
    return "".join(str(text) for text in texts)


def include_usage(body: dict[str, Any]) -> bool:
    """Whether a stream's last chunk is to tell the usage."""
    options = body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def completion_id(name: str) -> str:
    """OpenAI's form of an id, always the same for the same answer."""
    return f"chatcmpl-{hashlib.sha256(name.encode()).hexdigest()[:29]}"
