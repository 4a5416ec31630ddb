"""The table of contents of the API."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator_lambda.api.account import AccountRoutes
from orchestrator_lambda.api.conversations import ConversationRoutes
from orchestrator_lambda.api.messages import MessageRoutes
from orchestrator_lambda.api.openai_chat import OpenAIChat
from orchestrator_lambda.api.openapi import document
from orchestrator_lambda.api.routing import Handler, Route
from orchestrator_lambda.api.service import ServiceRoutes
from orchestrator_lambda.backends.interface import Backend
from orchestrator_lambda.turns.services import Services

CONVERSATIONS = "/v1/conversations"
CONVERSATION = "/v1/conversations/{id}"
MESSAGE = "/v1/conversations/{id}/messages/{seq}"


def make_routes(services: Services, backends: Sequence[Backend]) -> tuple[Route, ...]:
    """All operations."""
    service = ServiceRoutes(services, backends, lambda: document(routes))
    conversations = ConversationRoutes(services)
    messages = MessageRoutes(services)
    account = AccountRoutes(services)
    chat = OpenAIChat(services)
    routes = (
        _open("GET", "/v1/health", "health", service.health),
        _open("GET", "/v1/openapi.json", "openapi", service.openapi),
        _route("GET", "/v1/models", "listModels", service.models),
        _route("POST", "/v1/chat/completions", "chatCompletion", chat.complete),
        _route("GET", "/v1/me", "me", account.me),
        _route("GET", "/v1/me/export", "exportData", account.export),
        _route("DELETE", "/v1/me/data", "deleteData", account.delete),
        _route("POST", CONVERSATIONS, "createConversation", conversations.create),
        _route("GET", CONVERSATIONS, "listConversations", conversations.list),
        _route("GET", CONVERSATION, "getConversation", conversations.read),
        _route("PATCH", CONVERSATION, "renameConversation", conversations.rename),
        _route("DELETE", CONVERSATION, "deleteConversation", conversations.delete),
        _route("GET", f"{CONVERSATION}/branches", "listBranches", conversations.branches),
        _route("PUT", f"{CONVERSATION}/head", "chooseBranch", conversations.choose),
        _route("POST", f"{CONVERSATION}/warm", "warmConversation", conversations.warm),
        _route("POST", f"{CONVERSATION}/messages", "postMessage", messages.post),
        _route("POST", f"{MESSAGE}/edit", "editMessage", messages.edit),
        _route("POST", f"{MESSAGE}/regenerate", "regenerateAnswer", messages.regenerate),
        _route("GET", f"{MESSAGE}/stream", "followAnswer", messages.follow),
        _route("POST", f"{MESSAGE}/stop", "stopAnswer", messages.stop),
        _route("PUT", f"{MESSAGE}/feedback", "giveFeedback", messages.judge),
        _route("DELETE", f"{MESSAGE}/feedback", "withdrawFeedback", messages.unjudge),
    )
    return routes


def _route(method: str, template: str, name: str, handler: Handler) -> Route:
    return Route(method=method, template=template, name=name, handler=handler)


def _open(method: str, template: str, name: str, handler: Handler) -> Route:
    return Route(method=method, template=template, name=name, handler=handler, is_open=True)
