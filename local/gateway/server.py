"""The gateway as a server on loopback; a context manager that serves while it is open.

with Gateway(GatewaySettings(), function) as gateway:
    requests.post(f"{gateway.url}/v1/conversations", ...)
"""

from __future__ import annotations

import logging
import sys
import threading
from http.server import ThreadingHTTPServer
from typing import cast

from local.gateway.api import ApiRoute
from local.gateway.call import StreamingFunction
from local.gateway.faults import Faults, parse_faults
from local.gateway.routes import Routes
from local.gateway.settings import GatewaySettings
from local.gateway.static_files import StaticFiles
from local.gateway.wire import GatewayConnection, Incoming, Outgoing
from local.hood import Hood
from local.identity_provider import IdentityProvider

LOOPBACK = "127.0.0.1"

log = logging.getLogger(__name__)


class Gateway(ThreadingHTTPServer):
    """Listens on loopback alone.

    Args:
        function: answers what is below /v1.
        identity: gives tokens; made anew without one.

    Raises:
        OSError: the port cannot be had.
        ValueError: the faults make no sense.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        settings: GatewaySettings,
        function: StreamingFunction,
        identity: IdentityProvider | None = None,
    ) -> None:
        self.settings = settings
        self.faults = Faults(parse_faults(settings.faults))
        self.identity = identity or IdentityProvider(audience=settings.audience)
        self.hood = Hood(settings, function)
        self.routes = Routes(
            api=ApiRoute(function, settings, self.faults),
            faults=self.faults,
            identity=self.identity,
            hood=self.hood,
            web=StaticFiles(settings.web),
        )
        super().__init__((LOOPBACK, settings.port), _Connection)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what a connection let through, without a traceback on the terminal."""
        log.error("a connection ended by %s", type(sys.exception()).__name__)

    def close(self) -> None:
        """Stop listening; streams under way end."""
        self.hood.close()
        self.shutdown()
        self.server_close()

    def __enter__(self) -> Gateway:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()


class _Connection(GatewayConnection):
    """A client's connection to a Gateway."""

    @property
    def gateway(self) -> Gateway:
        """The server that it came to."""
        return cast(Gateway, self.server)

    @property
    def body_limit(self) -> int:
        """See GatewayConnection."""
        return self.gateway.settings.body_limit

    def respond(self, incoming: Incoming) -> Outgoing:
        """See GatewayConnection."""
        return self.gateway.routes.answer(incoming)
