"""From method and path to the function that answers."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator_lambda.errors import MethodNotAllowed, NotFound
from orchestrator_lambda.http.message import HttpRequest, HttpResponse
from orchestrator_lambda.identity.record import Identity

_PARAMETER = re.compile(r"\{(\w+)\}")
_INTEGERS = frozenset({"seq"})
MAX_SEQ_DIGITS = 10


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request with what the way to its route has found out.

    Attributes:
        identity: None on routes that are open to everybody.
    """

    request: HttpRequest
    path: Mapping[str, str]
    identity: Identity | None = None

    @property
    def user(self) -> Identity:
        """The caller of a route that is not open."""
        if self.identity is None:
            raise LookupError("this route knows no caller")
        return self.identity

    @property
    def conversation_id(self) -> str:
        """The conversation in the path."""
        return self.path["id"]

    @property
    def seq(self) -> int:
        """The message in the path."""
        return int(self.path["seq"])


Handler = Callable[[Call], HttpResponse]


@dataclass(frozen=True, kw_only=True)
class Route:
    """One operation.

    Attributes:
        template: path with parameters in braces; `seq` takes digits, all others one segment.
        name: operationId in the OpenAPI document.
        is_open: whether nobody needs to be known.
    """

    method: str
    template: str
    name: str
    handler: Handler
    is_open: bool = False

    def match(self, path: str) -> Mapping[str, str] | None:
        """Parameters of a path that fits; None for one that does not."""
        found = _pattern(self.template).fullmatch(path)
        return None if found is None else found.groupdict()


class Router:
    """All routes."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self.routes = tuple(routes)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]]:
        """The route of a request and the parameters in its path; HEAD is taken for GET.

        Raises:
            NotFound: no route has this path.
            MethodNotAllowed: some have, for other methods.
        """
        wanted = "GET" if method == "HEAD" else method
        allowed = []
        for route in self.routes:
            parameters = route.match(path.rstrip("/") or "/")
            if parameters is not None and route.method == wanted:
                return route, parameters
            if parameters is not None:
                allowed.append(route.method)
        if allowed:
            takes = ", ".join(sorted(set(allowed)))
            raise MethodNotAllowed(f"{path} takes {takes}", details={"allow": takes})
        raise NotFound("there is no such path; GET /v1/openapi.json lists them")


_patterns: dict[str, re.Pattern[str]] = {}


def _pattern(template: str) -> re.Pattern[str]:
    if template not in _patterns:
        _patterns[template] = re.compile(_PARAMETER.sub(_group, template))
    return _patterns[template]


def _group(parameter: re.Match[str]) -> str:
    name = parameter[1]
    values = rf"[0-9]{{1,{MAX_SEQ_DIGITS}}}" if name in _INTEGERS else r"[^/]+"
    return f"(?P<{name}>{values})"
