"""Schemas of what goes in and comes out, for the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TEXT: Mapping[str, Any] = {"type": "string"}
_WHOLE: Mapping[str, Any] = {"type": "integer"}
_NUMBER: Mapping[str, Any] = {"type": "number"}
_FLAG: Mapping[str, Any] = {"type": "boolean"}
_OPEN: Mapping[str, Any] = {"type": "object", "additionalProperties": True}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    """An object; names that are not required may be absent."""
    return {"type": "object", "required": list(required), "properties": properties}


def _strict(*required: str, **properties: Any) -> dict[str, Any]:
    """An object that may hold nothing else: unknown fields of a request are refused."""
    return {**_object(*required, **properties), "additionalProperties": False}


def _list(of: Any) -> dict[str, Any]:
    return {"type": "array", "items": of}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


_SAMPLING: Mapping[str, Any] = {
    "max_tokens": _WHOLE,
    "max_completion_tokens": _WHOLE,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "top_k": _WHOLE,
    "min_p": _NUMBER,
    "frequency_penalty": _NUMBER,
    "presence_penalty": _NUMBER,
    "repetition_penalty": _NUMBER,
    "seed": _WHOLE,
    "stop": {"anyOf": [_TEXT, _list(_TEXT)]},
    "stream": _FLAG,
}

_SUMMARY: Mapping[str, Any] = {
    "id": _TEXT,
    "title": _TEXT,
    "created_ms": _WHOLE,
    "updated_ms": _WHOLE,
    "model": _TEXT,
}

SCHEMAS: Mapping[str, Any] = {
    "Error": _object(
        "error",
        error=_object(
            "code",
            "message",
            code=_TEXT,
            message=_TEXT,
            param=_or_null(_TEXT),
            retry_after_ms=_or_null(_WHOLE),
            request_id=_TEXT,
            details=_OPEN,
        ),
    ),
    "Health": _object(
        "status",
        "version",
        "sessions",
        "backends",
        status={"enum": ["ok", "degraded"]},
        version=_TEXT,
        sessions=_FLAG,
        backends=_list(_object("name", "healthy", name=_TEXT, healthy=_FLAG)),
    ),
    "Document": _OPEN,
    "Models": _object("object", "data", object=_TEXT, data=_list(_OPEN)),
    "Me": _object(
        "user",
        "tenant",
        "model",
        "quota",
        "limits",
        user=_TEXT,
        tenant=_TEXT,
        model=_TEXT,
        quota=_object("tokens_left_today", tokens_left_today=_or_null(_WHOLE)),
        limits=_OPEN,
    ),
    "Deleted": _object("deleted", "more", deleted=_WHOLE, more=_FLAG),
    "NewConversation": _strict(title=_TEXT, system=_TEXT, model=_TEXT),
    "ConversationSummary": _object(*_SUMMARY, **_SUMMARY),
    "Conversation": _object(
        *_SUMMARY,
        "system",
        "head",
        "version",
        "answering",
        "totals",
        **_SUMMARY,
        system=_TEXT,
        head=_WHOLE,
        version=_WHOLE,
        answering=_or_null(_WHOLE),
        totals=_object(
            "turns",
            "input_tokens",
            "cached_tokens",
            "output_tokens",
            turns=_WHOLE,
            input_tokens=_WHOLE,
            cached_tokens=_WHOLE,
            output_tokens=_WHOLE,
        ),
    ),
    "ConversationPage": _object(
        "conversations",
        "cursor",
        conversations=_list(_ref("ConversationSummary")),
        cursor=_or_null(_TEXT),
    ),
    "Message": _object(
        "seq",
        "parent",
        "role",
        "content",
        "status",
        "created_ms",
        seq=_WHOLE,
        parent=_WHOLE,
        role={"enum": ["user", "assistant"]},
        content=_TEXT,
        status={"enum": ["streaming", "complete", "stopped", "error"]},
        created_ms=_WHOLE,
        event_seq=_WHOLE,
        finish_reason=_TEXT,
        error=_object("code", code=_TEXT),
        receipt=_ref("Receipt"),
        feedback=_ref("Feedback"),
    ),
    "Receipt": _object(
        prompt_tokens=_WHOLE,
        cached_tokens=_WHOLE,
        completion_tokens=_WHOLE,
        queue_ms=_NUMBER,
        prefill_ms=_NUMBER,
        decode_ms=_NUMBER,
        total_ms=_NUMBER,
        ttft_ms=_WHOLE,
        instance=_TEXT,
        backend=_TEXT,
        attempts=_WHOLE,
        continuations=_WHOLE,
        takeovers=_WHOLE,
    ),
    "Branch": _object(
        "conversation",
        "messages",
        "variants",
        conversation=_ref("Conversation"),
        messages=_list(_ref("Message")),
        variants={"type": "object", "additionalProperties": _list(_WHOLE)},
    ),
    "Branches": _object(
        "branches",
        branches=_list(
            _object(
                "leaf",
                "length",
                "forks_after",
                "shown",
                leaf=_WHOLE,
                length=_WHOLE,
                forks_after=_WHOLE,
                shown=_FLAG,
            )
        ),
    ),
    "Rename": _strict("title", title=_TEXT),
    "Choice": _strict("seq", seq=_WHOLE),
    "Warming": _object("warming", warming=_FLAG),
    "Sampling": _strict(**_SAMPLING),
    "NewMessage": _strict("content", content=_TEXT, parent=_WHOLE, **_SAMPLING),
    "EditedMessage": _strict("content", content=_TEXT, **_SAMPLING),
    "Turn": _object(
        "user",
        "answer",
        "conversation",
        user=_ref("Message"),
        answer=_ref("Message"),
        conversation=_ref("Conversation"),
    ),
    "Stopping": _object("stopping", stopping=_FLAG, status=_TEXT),
    "Feedback": _strict("rating", rating={"enum": ["up", "down"]}, comment=_TEXT),
    "ChatCompletionRequest": _object(
        "messages",
        messages=_list(_OPEN),
        model=_TEXT,
        conversation_id=_TEXT,
        stream_options=_OPEN,
        **_SAMPLING,
    ),
    "ChatCompletion": _OPEN,
}
