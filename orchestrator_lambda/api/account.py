"""Routes of a user's own account: who am I, export everything, delete everything."""

from __future__ import annotations

import json
from collections.abc import Iterator

from orchestrator_lambda.api.routing import Call
from orchestrator_lambda.conversation.model import Conversation
from orchestrator_lambda.conversation.views import conversation_view, message_view
from orchestrator_lambda.errors import NotFound
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.turns.deleting import delete_conversation
from orchestrator_lambda.turns.reporting import report_after
from orchestrator_lambda.turns.services import Services

PAGE = 100
MARGIN_MS = 5_000


class AccountRoutes:
    """What a user can ask of all that is stored of them."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def me(self, call: Call) -> HttpResponse:
        """GET /v1/me."""
        limits = self._services.settings.limits
        left = self._services.sessions.tokens_left_today(call.user.user)
        return json_response(
            {
                "user": call.user.user,
                "tenant": call.user.tenant,
                "model": self._services.model,
                "quota": {"tokens_left_today": left},
                "limits": {
                    "message": limits.message,
                    "system": limits.system,
                    "title": limits.title,
                    "comment": limits.comment,
                    "max_tokens": self._services.settings.max_tokens,
                },
            }
        )

    def export(self, call: Call) -> HttpResponse:
        """GET /v1/me/export: one line of JSON for each conversation, and a last one that says so.

        A reader who finds no last line with `complete` true has not got everything.
        """
        headers = {
            "Content-Type": "application/x-ndjson; charset=utf-8",
            "Content-Disposition": 'attachment; filename="keepwarm-export.ndjson"',
            "Cache-Control": "no-store",
        }
        return HttpResponse(headers=headers, body=self._lines(call))

    def delete(self, call: Call) -> HttpResponse:
        """DELETE /v1/me/data: as much as the time allows; `more` says whether to ask again."""
        report_after(self._services, call.request)
        deleted, more = 0, False
        for conversation in self._all(call.user.user):
            if call.request.remaining_ms() < MARGIN_MS:
                more = True
                break
            delete_conversation(self._services, conversation)
            deleted += 1
        return json_response({"deleted": deleted, "more": more})

    def _lines(self, call: Call) -> Iterator[bytes]:
        count = 0
        for listed in self._all(call.user.user):
            if call.request.remaining_ms() < MARGIN_MS:
                yield _line({"complete": False, "conversations": count})
                return
            try:
                conversation = self._services.history.get(listed.id)
                messages = self._services.history.messages(listed.id)
            except NotFound:
                continue  # deleted meanwhile
            count += 1
            yield _line(
                {
                    "conversation": conversation_view(conversation),
                    "summary": conversation.cut.summary,
                    "messages": [message_view(message) for message in messages],
                }
            )
        yield _line({"complete": True, "conversations": count})

    def _all(self, user: str) -> Iterator[Conversation]:
        cursor = None
        while True:
            page = self._services.history.list(user, limit=PAGE, cursor=cursor)
            yield from page.conversations
            cursor = page.cursor
            if cursor is None:
                return


def _line(content: object) -> bytes:
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return (text + "\n").encode("utf-8", "replace")
