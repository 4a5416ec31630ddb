"""Which part of the house answers a request.

/v1/...          the function, through all that stands before it
/hood/...        what goes on inside, live
/local/...       sign-in and faults: what only a local stack has
/config.json     what the page has to know
everything else  the built page
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from typing import Any

from local.gateway.api import ApiRoute
from local.gateway.faults import Fault, Faults
from local.gateway.static_files import StaticFiles
from local.gateway.wire import Incoming, Outgoing, json_answer
from local.hood import Hood
from local.identity_provider import ISSUER_PATH, IdentityProvider, SignInRefused

SIGN_IN = "/local/sign-in"
FAULTS = "/local/faults"
JWKS = f"{ISSUER_PATH}/.well-known/jwks.json"
DISCOVERY = f"{ISSUER_PATH}/.well-known/openid-configuration"
EVENT_STREAM = [
    ("Content-Type", "text/event-stream; charset=utf-8"),
    ("Cache-Control", "no-cache, no-transform"),
]


class Routes:
    """Chooses by path and method."""

    def __init__(
        self,
        *,
        api: ApiRoute,
        faults: Faults,
        identity: IdentityProvider,
        hood: Hood,
        web: StaticFiles,
    ) -> None:
        self._api = api
        self._faults = faults
        self._identity = identity
        self._hood = hood
        self._web = web
        self._own: dict[str, dict[str, Callable[[Incoming], Outgoing]]] = {
            "/config.json": {"GET": self._config},
            "/hood/snapshot": {"GET": self._snapshot},
            "/hood/events": {"GET": self._events},
            SIGN_IN: {"POST": self._sign_in},
            FAULTS: {
                "GET": self._show_faults,
                "POST": self._set_faults,
                "DELETE": self._clear_faults,
            },
            JWKS: {"GET": lambda incoming: json_answer(200, self._identity.key_set())},
            DISCOVERY: {"GET": lambda incoming: json_answer(200, self._identity.discovery())},
        }

    def answer(self, incoming: Incoming) -> Outgoing:
        """The answer of whoever owns the path."""
        if incoming.path == "/v1" or incoming.path.startswith("/v1/"):
            return self._api.answer(incoming)
        methods = self._own.get(incoming.path)
        if methods is None and incoming.path.startswith(("/hood/", "/local/")):
            return _error(404, "not_found", "there is nothing at this address")
        if methods is None:
            methods = {"GET": self._page}
        act = methods.get("GET" if incoming.method == "HEAD" else incoming.method)
        if act is None:
            return _method_not_allowed(sorted(methods))
        if incoming.method not in ("GET", "HEAD") and not _same_origin(incoming):
            return _error(403, "forbidden", "only this server's own page may send this")
        return act(incoming)

    def _page(self, incoming: Incoming) -> Outgoing:
        headers = {name.lower(): value for name, value in incoming.headers}
        answer = self._web.answer(incoming.path, headers)
        return Outgoing(answer.status, list(answer.headers), answer.body)

    def _config(self, incoming: Incoming) -> Outgoing:
        return json_answer(
            200,
            {
                "api": "/v1",
                "identity": {"kind": "local", "sign_in": SIGN_IN},
                "hood": {"snapshot": "/hood/snapshot", "events": "/hood/events"},
                "version": _version(),
            },
        )

    def _snapshot(self, incoming: Incoming) -> Outgoing:
        return json_answer(200, self._hood.snapshot())

    def _events(self, incoming: Incoming) -> Outgoing:
        pieces = self._hood.events(incoming.header("last-event-id"))
        return Outgoing(200, list(EVENT_STREAM), pieces)

    def _sign_in(self, incoming: Incoming) -> Outgoing:
        content = _json_body(incoming)
        if content is None:
            return _error(400, "invalid_request", 'the body must be a JSON object: {"user": name}')
        try:
            return json_answer(200, self._identity.sign_in(content.get("user")))
        except SignInRefused as refused:
            return _error(400, "invalid_request", str(refused))

    def _show_faults(self, incoming: Incoming) -> Outgoing:
        active = [asdict(fault) for fault in self._faults.active()]
        return json_answer(200, {"faults": active, "happened": dict(self._faults.happened)})

    def _set_faults(self, incoming: Incoming) -> Outgoing:
        content = _json_body(incoming)
        entries = None if content is None else content.get("faults")
        if not isinstance(entries, list):
            return _error(400, "invalid_request", 'the body must be {"faults": [{"kind": ...}]}')
        try:
            self._faults.replace([Fault(**entry) for entry in entries])
        except (TypeError, ValueError) as error:
            return _error(400, "invalid_request", f"this is no fault: {error}")
        return self._show_faults(incoming)

    def _clear_faults(self, incoming: Incoming) -> Outgoing:
        self._faults.replace([])
        return self._show_faults(incoming)


def _same_origin(incoming: Incoming) -> bool:
    """Whether no other page's script sent it; programs that are no browsers send no origin."""
    origin = incoming.header("origin")
    if not origin:
        return incoming.header("sec-fetch-site") in ("", "same-origin", "none")
    return origin.lower() == f"http://{incoming.header('host').lower()}"


def _json_body(incoming: Incoming) -> dict[str, Any] | None:
    try:
        content = json.loads(incoming.body)
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _error(status: int, code: str, message: str) -> Outgoing:
    return json_answer(status, {"error": {"code": code, "message": message}})


def _method_not_allowed(methods: list[str]) -> Outgoing:
    allowed = ", ".join(["HEAD", *methods] if "GET" in methods else methods)
    answer = _error(405, "method_not_allowed", f"this address takes {allowed}")
    return Outgoing(answer.status, [*answer.headers, ("Allow", allowed)], answer.body)


def _version() -> str:
    try:
        return metadata.version("keepwarm")
    except metadata.PackageNotFoundError:
        return "unknown"
