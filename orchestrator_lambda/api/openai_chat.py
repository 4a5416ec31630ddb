"""/v1/chat/completions for OpenAI's clients: stateless, or in one of our conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator_lambda.api.bodies import flag_field, header, json_object, text_field
from orchestrator_lambda.api.openai_request import (
    check_supported,
    completion_id,
    include_usage,
    read_messages,
)
from orchestrator_lambda.api.openai_stream import stateful_pieces, stateless_pieces
from orchestrator_lambda.api.openai_wire import Completion, finish_reason_of, usage_of
from orchestrator_lambda.api.routing import Call
from orchestrator_lambda.api.sse import HEADERS
from orchestrator_lambda.backends.interface import ChatMessage, Delta, Receipt
from orchestrator_lambda.errors import InvalidRequest, OrchestratorError, StoreUnavailable
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.asked import Asked, check_key, fresh_key
from orchestrator_lambda.turns.ending import stored_receipt
from orchestrator_lambda.turns.run import Running, run_turn
from orchestrator_lambda.turns.sampling import read_sampling
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.stateless import StatelessAsk, run_stateless


class OpenAIChat:
    """OpenAI's endpoint over our turns."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def complete(self, call: Call) -> HttpResponse:
        """POST /v1/chat/completions."""
        body = json_object(call.request)
        check_supported(body, self._services.model)
        messages = read_messages(body, self._services.settings.limits.message)
        conversation_id = text_field(body, "conversation_id") or header(
            call.request, "x-conversation-id"
        )
        if conversation_id:
            return self._stateful(call, body, messages, conversation_id)
        return self._stateless(call, body, messages)

    def _stateless(
        self, call: Call, body: dict[str, Any], messages: list[ChatMessage]
    ) -> HttpResponse:
        request = call.request
        ask = StatelessAsk(
            identity=call.user,
            messages=messages,
            sampling=read_sampling(body, self._services.settings),
            request_id=request.request_id or fresh_key(),
            trace=request.trace,
        )
        items = run_stateless(self._services, ask, remaining_ms=request.remaining_ms)
        completion = Completion(id=completion_id(ask.request_id), model=self._services.model)
        if flag_field(body, "stream", False):
            pieces = stateless_pieces(completion, items, include_usage(body), request.request_id)
            return HttpResponse(headers=HEADERS, body=pieces)
        return json_response(_collected(completion, items))

    def _stateful(
        self,
        call: Call,
        body: dict[str, Any],
        messages: list[ChatMessage],
        conversation_id: str,
    ) -> HttpResponse:
        """The last message alone is new: what comes before it is in the history already."""
        if messages[-1].role != "user":
            raise InvalidRequest("the last message must be of the user", param="messages")
        request = call.request
        asked = Asked(
            identity=call.user,
            conversation_id=conversation_id,
            content=messages[-1].content,
            sampling=read_sampling(body, self._services.settings),
            key=check_key(header(request, "idempotency-key")),
            trace=request.trace,
            request_id=request.request_id,
        )
        running = run_turn(
            self._services, asked, remaining_ms=request.remaining_ms, after=request.after
        )
        completion = Completion(
            id=completion_id(f"{conversation_id}:{running.begun.answer_seq}"),
            model=self._services.model,
            conversation_id=conversation_id,
        )
        if flag_field(body, "stream", False):
            pieces = stateful_pieces(
                completion, running.events, include_usage(body), request.request_id
            )
            return HttpResponse(headers=HEADERS, body=pieces)
        return self._whole(completion, running)

    def _whole(self, completion: Completion, running: Running) -> HttpResponse:
        for event in running.events:
            if event is None:
                continue
            if event.kind == "error":
                raise _as_error(event)
            if event.kind in ("done", "stopped"):
                answer = event.data["answer"]
                receipt = answer.get("receipt", {})
                reason = finish_reason_of(answer.get("finish_reason"))
                whole = completion.whole(answer["content"], reason, usage_of(receipt), receipt)
                return json_response(whole)
        raise StoreUnavailable("the answer is not finished; send the same request again")


def _collected(completion: Completion, items: Iterator[Delta | Receipt | None]) -> dict[str, Any]:
    text, reason, receipt = "", "", {}
    for item in items:
        if isinstance(item, Delta):
            text += item.text
        if isinstance(item, Receipt):
            reason, receipt = item.finish_reason, stored_receipt(item)
    return completion.whole(text, finish_reason_of(reason), usage_of(receipt), receipt)


def _as_error(event: StreamEvent) -> OrchestratorError:
    content = event.data["error"]
    kinds = {kind.code: kind for kind in _all_kinds(OrchestratorError)}
    kind = kinds.get(content["code"], OrchestratorError)
    return kind(content["message"], retry_after_ms=content.get("retry_after_ms"))


def _all_kinds(kind: type[OrchestratorError]) -> Iterator[type[OrchestratorError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _all_kinds(below)
