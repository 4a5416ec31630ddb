"""The application: who asks, what for, and the function that answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from orchestrator_lambda.api.routes import make_routes
from orchestrator_lambda.api.routing import Call, Router
from orchestrator_lambda.backends.interface import Backend
from orchestrator_lambda.http.message import Application, HttpRequest, HttpResponse
from orchestrator_lambda.identity.record import Identity
from orchestrator_lambda.turns.services import Services


class Identifies(Protocol):
    """Knows the caller of a request."""

    def identify(self, request: HttpRequest) -> Identity:
        """The caller. Raises Unauthenticated, Forbidden or IdentityUnavailable."""


def make_application(
    services: Services, authenticator: Identifies, backends: Sequence[Backend]
) -> Application:
    """The API over these services.

    Args:
        services: what turns work with.
        authenticator: asked on every route that is not open.
        backends: each of them, for the health route; `services.backend` is the way to all.
    """
    router = Router(make_routes(services, backends))

    def application(request: HttpRequest) -> HttpResponse:
        route, parameters = router.find(request.method, request.path)
        identity = None if route.is_open else authenticator.identify(request)
        return route.handler(Call(request=request, path=parameters, identity=identity))

    return application
