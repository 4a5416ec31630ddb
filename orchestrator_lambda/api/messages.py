"""Routes of messages: post, edit, regenerate, follow, stop, judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator_lambda.api.bodies import (
    flag_field,
    header,
    integer_field,
    integer_parameter,
    json_object,
    known_fields,
    text_field,
)
from orchestrator_lambda.api.routing import Call
from orchestrator_lambda.api.sse import stream_response
from orchestrator_lambda.conversation.limits import check_text
from orchestrator_lambda.conversation.model import Feedback, Message, Rating, Role
from orchestrator_lambda.conversation.views import conversation_view, message_view
from orchestrator_lambda.errors import InvalidRequest, StoreUnavailable
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.observability import context as log_context
from orchestrator_lambda.sessions.interface import StreamEvent
from orchestrator_lambda.turns.asked import Asked, Kind, check_key
from orchestrator_lambda.turns.begin import owned
from orchestrator_lambda.turns.follow import Follower
from orchestrator_lambda.turns.run import Running, run_turn, see_through
from orchestrator_lambda.turns.sampling import SAMPLING_FIELDS, read_sampling
from orchestrator_lambda.turns.services import Services

MAX_EVENT_ID = 10**15


class MessageRoutes:
    """What can be done with messages."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def post(self, call: Call) -> HttpResponse:
        """POST /v1/conversations/{id}/messages."""
        body = json_object(call.request)
        known_fields(body, "content", "parent", "stream", *SAMPLING_FIELDS)
        target = integer_field(body, "parent")
        return self._turn(call, body, Kind.POST, target, self._content(body))

    def edit(self, call: Call) -> HttpResponse:
        """POST /v1/conversations/{id}/messages/{seq}/edit."""
        body = json_object(call.request)
        known_fields(body, "content", "stream", *SAMPLING_FIELDS)
        return self._turn(call, body, Kind.EDIT, call.seq, self._content(body))

    def regenerate(self, call: Call) -> HttpResponse:
        """POST /v1/conversations/{id}/messages/{seq}/regenerate."""
        body = json_object(call.request, optional=True)
        known_fields(body, "stream", *SAMPLING_FIELDS)
        return self._turn(call, body, Kind.REGENERATE, call.seq, "")

    def follow(self, call: Call) -> HttpResponse:
        """GET /v1/conversations/{id}/messages/{seq}/stream."""
        request = call.request
        conversation = owned(self._services, call.conversation_id, call.user.user)
        log_context.bind(conversation_id=conversation.id)
        answer = self._answer(call)
        follower = Follower(
            services=self._services,
            conversation=conversation,
            answer_seq=answer.seq,
            after=last_event_id(call),
            remaining_ms=request.remaining_ms,
            producing=lambda producer: see_through(
                self._services, producer, request.remaining_ms, request.after
            ),
            trace=request.trace,
            request_id=request.request_id,
        )
        first = self._opening(conversation.id, answer.seq, answer.parent, None, duplicate=True)
        return self._stream(call, follower.events(), first)

    def stop(self, call: Call) -> HttpResponse:
        """POST /v1/conversations/{id}/messages/{seq}/stop."""
        owned(self._services, call.conversation_id, call.user.user)
        answer = self._answer(call)
        if answer.status.terminal:
            return json_response({"stopping": False, "status": answer.status.value})
        told = self._services.sessions.request_stop(call.conversation_id, answer.seq)
        try:
            self._services.history.request_stop(call.conversation_id, answer.seq)
        except StoreUnavailable:
            if not told:
                raise
        return json_response({"stopping": True}, status=202)

    def judge(self, call: Call) -> HttpResponse:
        """PUT /v1/conversations/{id}/messages/{seq}/feedback."""
        body = json_object(call.request)
        known_fields(body, "rating", "comment")
        feedback = self._feedback(body)
        owned(self._services, call.conversation_id, call.user.user)
        self._answer(call)
        self._services.history.set_feedback(call.conversation_id, call.seq, feedback)
        return json_response({"rating": feedback.rating.value, "comment": feedback.comment})

    def unjudge(self, call: Call) -> HttpResponse:
        """DELETE /v1/conversations/{id}/messages/{seq}/feedback."""
        owned(self._services, call.conversation_id, call.user.user)
        self._answer(call)
        self._services.history.set_feedback(call.conversation_id, call.seq, None)
        return HttpResponse(status=204)

    def _turn(
        self, call: Call, body: dict[str, Any], kind: Kind, target: int | None, content: str
    ) -> HttpResponse:
        request = call.request
        stream = flag_field(body, "stream", True)
        asked = Asked(
            identity=call.user,
            conversation_id=call.conversation_id,
            kind=kind,
            content=content,
            target=target,
            sampling=read_sampling(body, self._services.settings),
            key=check_key(header(request, "idempotency-key")),
            trace=request.trace,
            request_id=request.request_id,
        )
        running = run_turn(
            self._services, asked, remaining_ms=request.remaining_ms, after=request.after
        )
        if stream:
            return self._stream(call, running.events, self._first(running))
        return self._whole(running)

    def _first(self, running: Running) -> dict[str, Any]:
        begun = running.begun
        if begun.turn is not None:
            user = message_view(begun.turn.user) if begun.user_seq is not None else None
            return self._opening(
                begun.conversation.id, begun.answer_seq, begun.turn.answer.parent, user
            )
        answer = self._services.history.message(begun.conversation.id, begun.answer_seq)
        question = self._services.history.message(begun.conversation.id, answer.parent)
        return self._opening(
            begun.conversation.id,
            answer.seq,
            answer.parent,
            message_view(question),
            duplicate=True,
        )

    def _opening(
        self,
        conversation_id: str,
        seq: int,
        parent: int,
        user: Mapping[str, Any] | None,
        *,
        duplicate: bool = False,
    ) -> dict[str, Any]:
        return {
            "conversation_id": conversation_id,
            "user": user,
            "answer": {"seq": seq, "parent": parent},
            "duplicate": duplicate,
            "degraded": self._services.sessions.degraded,
        }

    def _stream(
        self, call: Call, events: Iterator[StreamEvent | None], first: Mapping[str, Any]
    ) -> HttpResponse:
        ping_s = self._services.settings.ping_seconds
        return stream_response(events, first, ping_s=ping_s, request_id=call.request.request_id)

    def _whole(self, running: Running) -> HttpResponse:
        """Wait for the end and answer with what is stored."""
        for _ in running.events:
            pass
        begun, history = running.begun, self._services.history
        answer = history.message(begun.conversation.id, begun.answer_seq)
        if not answer.status.terminal:
            raise StoreUnavailable(
                "the answer is not finished; follow its stream", details={"answer_seq": answer.seq}
            )
        user = history.message(begun.conversation.id, answer.parent)
        conversation = history.get(begun.conversation.id)
        return json_response(
            {
                "user": message_view(user),
                "answer": message_view(answer),
                "conversation": conversation_view(conversation),
            }
        )

    def _content(self, body: dict[str, Any]) -> str:
        limit = self._services.settings.limits.message
        return check_text(body.get("content"), param="content", limit=limit)

    def _answer(self, call: Call) -> Message:
        message = self._services.history.message(call.conversation_id, call.seq)
        if message.role is not Role.ASSISTANT:
            raise InvalidRequest(f"message {call.seq} is no answer", param="seq")
        return message

    def _feedback(self, body: dict[str, Any]) -> Feedback:
        rating = text_field(body, "rating")
        if rating not in tuple(Rating):
            raise InvalidRequest("rating must be up or down", param="rating")
        limit = self._services.settings.limits.comment
        comment = check_text(text_field(body, "comment"), param="comment", limit=limit, empty=True)
        return Feedback(rating=Rating(rating), comment=comment)


def last_event_id(call: Call) -> int:
    """What the reader has seen: the header that browsers send, or `after` in the query.

    A header that is no number of ours counts as nothing seen, as the standard asks of servers.
    """
    text = header(call.request, "last-event-id")
    if text is not None and text.isascii() and text.isdigit() and len(text) <= 15:
        return int(text)
    return integer_parameter(call.request, "after", 0, low=0, high=MAX_EVENT_ID)
