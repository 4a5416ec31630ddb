"""The OpenAPI document, made of the routes; what each operation takes and gives stands here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator_lambda.api.routing import Route
from orchestrator_lambda.api.schemas import SCHEMAS
from orchestrator_lambda.api.service import API_VERSION

SSE, NDJSON, JSON = "text/event-stream", "application/x-ndjson", "application/json"
_EVENTS = (
    "Events: `turn` first; `delta` {text}; `reset` {text} replaces all text so far; at the end "
    "`done`, `stopped` or `error`, after it perhaps `title`. `id:` numbers the events of an answer "
    "over its whole life; comments keep a silent stream open. A stream that ends without `done`, "
    "`stopped` or `error` goes on at `followAnswer`."
)
_IDEMPOTENT = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 128},
    "description": "The same key with the same request is done once, for 24 hours.",
}

_IN_CONVERSATION = {
    "name": "X-Conversation-Id",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The same as `conversation_id` in the body.",
}


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What one operation says of itself.

    Attributes:
        body: schema of the request's body; None where there is none.
        body_optional: whether it may be left out.
        answer: schema of the answer in JSON; None where there is none.
        media: further media types of the answer.
        also: another status that is no error, with the same answer.
    """

    summary: str
    status: int = 200
    body: str | None = None
    body_optional: bool = False
    answer: str | None = None
    media: tuple[str, ...] = ()
    also: int | None = None
    parameters: tuple[Mapping[str, Any], ...] = ()
    description: str = ""


def _query(name: str, kind: str, description: str, **bounds: int) -> dict[str, Any]:
    schema = {"type": kind, **bounds}
    return {"name": name, "in": "query", "schema": schema, "description": description}


_AFTER = (
    {
        "name": "Last-Event-ID",
        "in": "header",
        "schema": {"type": "integer"},
        "description": "Id of the last event seen.",
    },
    _query("after", "integer", "The same, for clients that cannot send the header.", minimum=0),
)

OPERATIONS: Mapping[str, Operation] = {
    "health": Operation(summary="What is up", answer="Health"),
    "openapi": Operation(summary="This document", answer="Document"),
    "listModels": Operation(summary="The model served", answer="Models"),
    "chatCompletion": Operation(
        summary="OpenAI's chat completion",
        body="ChatCompletionRequest",
        answer="ChatCompletion",
        media=(SSE,),
        parameters=(_IDEMPOTENT, _IN_CONVERSATION),
        description="Stateless; with `conversation_id` the last message is posted there.",
    ),
    "me": Operation(summary="The caller, quota and limits", answer="Me"),
    "exportData": Operation(
        summary="Everything stored of the caller",
        media=(NDJSON,),
        description="The last line says `complete: true`; without it something is missing.",
    ),
    "deleteData": Operation(summary="Delete everything stored of the caller", answer="Deleted"),
    "createConversation": Operation(
        summary="Begin a conversation",
        status=201,
        body="NewConversation",
        body_optional=True,
        answer="Conversation",
        parameters=(_IDEMPOTENT,),
    ),
    "listConversations": Operation(
        summary="The caller's conversations, last changed first",
        answer="ConversationPage",
        parameters=(
            _query("limit", "integer", "20 if absent.", minimum=1, maximum=100),
            _query("cursor", "string", "From the page before."),
        ),
    ),
    "getConversation": Operation(
        summary="A conversation and its shown branch",
        answer="Branch",
        parameters=(_query("leaf", "integer", "Another branch, by its last message.", minimum=0),),
    ),
    "renameConversation": Operation(summary="Set the title", body="Rename", answer="Conversation"),
    "deleteConversation": Operation(summary="Delete a conversation", status=204),
    "listBranches": Operation(summary="All branches", answer="Branches"),
    "chooseBranch": Operation(
        summary="Show the newest branch through a message", body="Choice", answer="Branch"
    ),
    "warmConversation": Operation(
        summary="Prefill the stored history", status=202, answer="Warming"
    ),
    "postMessage": Operation(
        summary="Post a message and stream the answer",
        body="NewMessage",
        answer="Turn",
        media=(SSE,),
        parameters=(_IDEMPOTENT,),
        description=_EVENTS,
    ),
    "editMessage": Operation(
        summary="Write a user's message anew, on a branch of its own",
        body="EditedMessage",
        answer="Turn",
        media=(SSE,),
        parameters=(_IDEMPOTENT,),
        description=_EVENTS,
    ),
    "regenerateAnswer": Operation(
        summary="Answer once more, on a branch of its own",
        body="Sampling",
        body_optional=True,
        answer="Turn",
        media=(SSE,),
        parameters=(_IDEMPOTENT,),
        description=_EVENTS,
    ),
    "followAnswer": Operation(
        summary="Go on reading an answer",
        media=(SSE,),
        parameters=_AFTER,
        description=_EVENTS,
    ),
    "stopAnswer": Operation(
        summary="Stop an answer",
        status=202,
        also=200,
        answer="Stopping",
        description="202: it will stop. 200: it had ended already, with that status.",
    ),
    "giveFeedback": Operation(summary="Judge an answer", body="Feedback", answer="Feedback"),
    "withdrawFeedback": Operation(summary="Take the verdict back", status=204),
}


def document(routes: Sequence[Route]) -> Mapping[str, Any]:
    """OpenAPI 3.1 of these routes.

    Raises:
        KeyError: a route has no operation of its name here.
    """
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Keepwarm",
            "version": API_VERSION,
            "description": "Conversations whose KV cache stays warm.",
        },
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Route) -> dict[str, Any]:
    operation = OPERATIONS[route.name]
    content: dict[str, Any] = {
        "operationId": route.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(route.template), *operation.parameters],
        "responses": {
            **{str(status): _answer(operation) for status in _statuses(operation)},
            "default": _json("Error", "What went wrong"),
        },
    }
    if operation.description:
        content["description"] = operation.description
    if operation.body:
        content["requestBody"] = {
            "required": not operation.body_optional,
            "content": {JSON: {"schema": _reference(operation.body)}},
        }
    if route.is_open:
        content["security"] = []
    return content


def _statuses(operation: Operation) -> list[int]:
    return [operation.status] if operation.also is None else [operation.status, operation.also]


def _answer(operation: Operation) -> dict[str, Any]:
    content: dict[str, Any] = {media: {"schema": {"type": "string"}} for media in operation.media}
    if operation.answer:
        content[JSON] = {"schema": _reference(operation.answer)}
    answer: dict[str, Any] = {"description": operation.summary}
    return {**answer, "content": content} if content else answer


@cache
def _path_parameters(template: str) -> tuple[Mapping[str, Any], ...]:
    names = re.findall(r"\{(\w+)\}", template)
    kinds = {"seq": "integer"}
    return tuple(
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": kinds.get(name, "string")},
        }
        for name in names
    )


def _json(schema: str, description: str) -> dict[str, Any]:
    return {"description": description, "content": {JSON: {"schema": _reference(schema)}}}


def _reference(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}
