"""Routes open to everybody: health, and the document that describes all others; and the models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from orchestrator_lambda.api.routing import Call
from orchestrator_lambda.backends.interface import Backend
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.turns.services import Services

API_VERSION = "1.0.0"


class ServiceRoutes:
    """What the service says of itself.

    Args:
        backends: each of them, to say which are healthy.
        document: makes the OpenAPI document.
    """

    def __init__(
        self,
        services: Services,
        backends: Sequence[Backend],
        document: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._services = services
        self._backends = backends
        self._document = document

    def health(self, call: Call) -> HttpResponse:
        """GET /v1/health: from what is known, without a call to anything."""
        states = [
            {"name": backend.name, "healthy": backend.healthy()} for backend in self._backends
        ]
        usable = any(state["healthy"] for state in states)
        degraded = self._services.sessions.degraded
        content = {
            "status": "ok" if usable and not degraded else "degraded",
            "version": API_VERSION,
            "sessions": not degraded,
            "backends": states,
        }
        return json_response(content)

    def openapi(self, call: Call) -> HttpResponse:
        """GET /v1/openapi.json."""
        return json_response(self._document())

    def models(self, call: Call) -> HttpResponse:
        """GET /v1/models."""
        model = {
            "id": self._services.model,
            "object": "model",
            "created": 0,
            "owned_by": "keepwarm",
        }
        return json_response({"object": "list", "data": [model]})
