"""Routes of conversations: create, list, read, rename, choose a branch, delete, warm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from orchestrator_lambda.api.bodies import (
    header,
    integer_field,
    integer_parameter,
    json_object,
    known_fields,
    text_field,
)
from orchestrator_lambda.api.routing import Call
from orchestrator_lambda.conversation.ids import conversation_id_of, new_conversation_id
from orchestrator_lambda.conversation.limits import check_text
from orchestrator_lambda.conversation.model import Conversation, Message
from orchestrator_lambda.conversation.tree import MessageTree, list_branches, variants
from orchestrator_lambda.conversation.views import (
    conversation_summary,
    conversation_view,
    message_view,
)
from orchestrator_lambda.errors import Conflict, IdempotencyMismatch, InvalidRequest
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.turns.asked import check_key
from orchestrator_lambda.turns.begin import admit, owned
from orchestrator_lambda.turns.branches import load_tree
from orchestrator_lambda.turns.deleting import delete_conversation
from orchestrator_lambda.turns.reporting import report_after
from orchestrator_lambda.turns.services import Services
from orchestrator_lambda.turns.warm import may_warm, warm

DAY_S = 86_400
DEFAULT_PAGE, LARGEST_PAGE = 20, 100


class ConversationRoutes:
    """What can be done with a conversation beside talking in it."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def create(self, call: Call) -> HttpResponse:
        """POST /v1/conversations."""
        body = json_object(call.request, optional=True)
        known_fields(body, "title", "system", "model")
        admit(self._services, call.user.user)
        conversation = self._new(call, body)
        try:
            self._services.history.create(conversation)
        except Conflict:  # the same request came before, or its acknowledgement was lost
            asked = conversation
            conversation = owned(self._services, asked.id, call.user.user)
            if conversation.system != asked.system:  # what never changes after creation
                raise IdempotencyMismatch(
                    "this idempotency key was used for another conversation"
                ) from None
        return json_response(conversation_view(conversation), status=201)

    def list(self, call: Call) -> HttpResponse:
        """GET /v1/conversations."""
        limit = integer_parameter(call.request, "limit", DEFAULT_PAGE, low=1, high=LARGEST_PAGE)
        cursor = call.request.query.get("cursor") or None
        page = self._services.history.list(call.user.user, limit=limit, cursor=cursor)
        shown = [conversation_summary(conversation) for conversation in page.conversations]
        return json_response({"conversations": shown, "cursor": page.cursor})

    def read(self, call: Call) -> HttpResponse:
        """GET /v1/conversations/{id}."""
        conversation = self._owned(call)
        tree = load_tree(self._services.history, conversation)
        leaf = integer_parameter(call.request, "leaf", conversation.head, low=0, high=10**10 - 1)
        return json_response(branch_view(conversation, tree, tree.branch(leaf)))

    def rename(self, call: Call) -> HttpResponse:
        """PATCH /v1/conversations/{id}."""
        body = json_object(call.request)
        known_fields(body, "title")
        limit = self._services.settings.limits.title
        title = check_text(body.get("title"), param="title", limit=limit).strip()
        self._owned(call)
        renamed = self._services.history.rename(
            call.conversation_id, title, now_ms=self._services.clock()
        )
        return json_response(conversation_view(renamed))

    def delete(self, call: Call) -> HttpResponse:
        """DELETE /v1/conversations/{id}."""
        conversation = self._owned(call)
        delete_conversation(self._services, conversation)
        report_after(self._services, call.request)
        return HttpResponse(status=204)

    def branches(self, call: Call) -> HttpResponse:
        """GET /v1/conversations/{id}/branches."""
        conversation = self._owned(call)
        tree = load_tree(self._services.history, conversation)
        listed = [
            {
                "leaf": branch.leaf,
                "length": branch.length,
                "forks_after": branch.forks_after,
                "shown": branch.shown,
            }
            for branch in list_branches(tree, conversation.head)
        ]
        return json_response({"branches": listed})

    def choose(self, call: Call) -> HttpResponse:
        """PUT /v1/conversations/{id}/head."""
        body = json_object(call.request)
        known_fields(body, "seq")
        seq = integer_field(body, "seq")
        if not seq:
            raise InvalidRequest("seq must name a message", param="seq")
        conversation = self._owned(call)
        tree = load_tree(self._services.history, conversation)
        tree.get(seq)
        leaf = tree.leaf_of(seq)
        if leaf != conversation.head:
            conversation = self._services.history.set_head(
                conversation, leaf, now_ms=self._services.clock()
            )
        return json_response(branch_view(conversation, tree, tree.branch(leaf)))

    def warm(self, call: Call) -> HttpResponse:
        """POST /v1/conversations/{id}/warm: answered at once, done afterwards."""
        conversation = self._owned(call)
        admit(self._services, call.user.user)
        warming = may_warm(conversation) and self._services.backend.healthy()
        if warming:
            tenant = call.user.tenant
            call.request.after(partial(warm, self._services, conversation, tenant))
        return json_response({"warming": warming}, status=202)

    def _owned(self, call: Call) -> Conversation:
        return owned(self._services, call.conversation_id, call.user.user)

    def _new(self, call: Call, body: dict[str, Any]) -> Conversation:
        services, now = self._services, self._services.clock()
        limits = services.settings.limits
        key = check_key(header(call.request, "idempotency-key"))
        return new_conversation(
            services,
            conversation_id_of(f"{call.user.user}:{key}") if key else new_conversation_id(now),
            call.user.user,
            title=check_text(
                text_field(body, "title"), param="title", limit=limits.title, empty=True
            ).strip(),
            system=check_text(
                text_field(body, "system"), param="system", limit=limits.system, empty=True
            ),
            model=text_field(body, "model"),
        )


def new_conversation(
    services: Services, conversation_id: str, owner: str, *, title: str, system: str, model: str
) -> Conversation:
    """A conversation that is not stored yet.

    Raises:
        InvalidRequest: the model is not the one that is served.
    """
    if model and model != services.model:
        raise InvalidRequest(f"the model served here is {services.model!r}", param="model")
    now, days = services.clock(), services.settings.retention_days
    return Conversation(
        id=conversation_id,
        owner=owner,
        title=title,
        created_ms=now,
        updated_ms=now,
        expires_s=now // 1000 + days * DAY_S if days else None,
        model=services.model,
        system=system,
    )


def branch_view(
    conversation: Conversation, tree: MessageTree, branch: Sequence[Message]
) -> Mapping[str, Any]:
    """A conversation with one of its branches."""
    return {
        "conversation": conversation_view(conversation),
        "messages": [message_view(message) for message in branch],
        "variants": {str(seq): list(all_) for seq, all_ in variants(tree, branch).items()},
    }
