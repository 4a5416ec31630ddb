"""`KEEPWARM_BACKENDS` as a router.

    [{"kind": "sagemaker", "endpoint": "chat", "region": "eu-west-1", "prefix_aware": true},
     {"kind": "fleet", "url": "http://internal-lb.example:8080"}]

| field | of | meaning |
| --- | --- | --- |
| name | both | in receipts and logs; the endpoint's or the host's name by default |
| weight | both | share of the conversations; for all or for none: then the order counts |
| connect_seconds, stall_seconds, pool | both | see connections.Limits |
| endpoint | sagemaker | name of the endpoint |
| variant, inference_component | sagemaker | what of it to call |
| region, endpoint_url | sagemaker | boto3's own by default |
| prefix_aware, prefix_length | sagemaker | routing by the start of the body, and its PrefixLength |
| session_mode | sagemaker | keep each conversation in a SageMaker session |
| url, ca_file | fleet | the load balancer, and whom to trust there |
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from orchestrator_lambda.backends.body import MAX_HEADER, MIN_HEADER
from orchestrator_lambda.backends.breaker import Breaker, BreakerPolicy
from orchestrator_lambda.backends.choosing import Member
from orchestrator_lambda.backends.connections import Limits
from orchestrator_lambda.backends.endpoint_sessions import EndpointSessions
from orchestrator_lambda.backends.fleet import FleetBackend, path_of
from orchestrator_lambda.backends.homes import Homes
from orchestrator_lambda.backends.interface import Backend
from orchestrator_lambda.backends.routed import RoutingPolicy
from orchestrator_lambda.backends.router import Router
from orchestrator_lambda.backends.sagemaker import Endpoint, SageMakerBackend, runtime_client
from orchestrator_lambda.backends.session_book import LocalSessionBook, SessionBook
from orchestrator_lambda.errors import ConfigError

VARIABLE = "KEEPWARM_BACKENDS"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_AWS_NAME = re.compile(r"(?=.{1,63}$)[A-Za-z0-9](-*[A-Za-z0-9])*")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_COMMON = frozenset({"kind", "name", "weight", "connect_seconds", "stall_seconds", "pool"})
_OWN = {
    "sagemaker": frozenset(
        {
            "endpoint",
            "variant",
            "inference_component",
            "region",
            "endpoint_url",
            "prefix_aware",
            "prefix_length",
            "session_mode",
        }
    ),
    "fleet": frozenset({"url", "ca_file"}),
}

MakeClient = Callable[..., Any]


def build_router(
    entries: Sequence[Mapping[str, Any]],
    *,
    sessions: SessionBook | None = None,
    policy: RoutingPolicy | None = None,
    breaker: BreakerPolicy | None = None,
    make_client: MakeClient = runtime_client,
) -> Router:
    """The backends that the entries describe, with their connections; nothing is called.

    Args:
        entries: `Settings.backend_entries()`.
        sessions: where session ids and homes are kept; in this process by default.
        policy: how hard to try.
        breaker: when not to.
        make_client: in place of `runtime_client`.

    Raises:
        ConfigError: an entry is wrong; the message names it and the field.
    """
    if not entries:
        raise ConfigError(f"{VARIABLE} is empty; write at least one backend into it")
    policy = policy or RoutingPolicy()
    book = sessions or LocalSessionBook()
    members = []
    for index, entry in enumerate(entries):
        fields = _Fields(index, entry)
        backend = _BUILDERS[fields.kind](fields, book, make_client)
        members.append(
            Member(
                backend=backend,
                breaker=Breaker(breaker, policy.clock),
                weight=fields.weight(),
            )
        )
    try:
        return Router(members, policy=policy)
    except ValueError as error:
        raise ConfigError(f"{VARIABLE}: {error}") from None


@dataclass(frozen=True)
class _Fields:
    """Typed access to one entry. Every method raises ConfigError."""

    index: int
    entry: Mapping[str, Any]

    def __post_init__(self) -> None:
        unknown = set(self.entry) - _COMMON - _OWN[self.kind]
        if unknown:
            known = ", ".join(sorted(_COMMON | _OWN[self.kind]))
            raise self.wrong(min(unknown), f"is no field of kind {self.kind}; those are: {known}")

    @property
    def kind(self) -> str:
        """Sagemaker or fleet."""
        kind = self.entry.get("kind")
        if not isinstance(kind, str) or kind not in _OWN:
            raise self.wrong("kind", "must be sagemaker or fleet")
        return kind

    def wrong(self, field: str, why: str) -> ConfigError:
        """The error of a field."""
        return ConfigError(f"{VARIABLE}[{self.index}].{field} {why}")

    def text(self, field: str, pattern: re.Pattern[str], wanted: str) -> str | None:
        """A string of that form."""
        value = self.entry.get(field)
        if value is not None and not (isinstance(value, str) and pattern.fullmatch(value)):
            raise self.wrong(field, f"must be {wanted}")
        return value

    def required(self, field: str, pattern: re.Pattern[str], wanted: str) -> str:
        """A string that must be there."""
        value = self.text(field, pattern, wanted)
        if value is None:
            raise self.wrong(field, f"is missing; it must be {wanted}")
        return value

    def boolean(self, field: str) -> bool:
        """True or false; false when absent."""
        value = self.entry.get(field, False)
        if not isinstance(value, bool):
            raise self.wrong(field, "must be true or false")
        return value

    def number(self, field: str, default: float, low: float, high: float) -> float:
        """A number in bounds."""
        value = self.entry.get(field, default)
        wrong = isinstance(value, bool) or not isinstance(value, int | float)
        if wrong or not low <= value <= high:
            raise self.wrong(field, f"must be a number in [{low:g}, {high:g}]")
        return float(value)

    def whole(self, field: str, default: int, low: int, high: int) -> int:
        """A whole number in bounds."""
        value = self.number(field, default, low, high)
        if not value.is_integer():
            raise self.wrong(field, "must be a whole number")
        return int(value)

    def weight(self) -> float | None:
        """Share of the conversations."""
        if self.entry.get("weight") is None:
            return None
        return self.number("weight", 1.0, 1e-6, 1e6)

    def limits(self) -> Limits:
        """Of connections."""
        default = Limits()
        return Limits(
            connect_s=self.number("connect_seconds", default.connect_s, 0.05, 30),
            stall_s=self.number("stall_seconds", default.stall_s, 0.05, 300),
            pool=self.whole("pool", default.pool, 1, 1000),
        )

    def name(self, default: str) -> str:
        """What the backend is called."""
        given = self.text("name", _NAME, "letters, digits and . _ -, at most 63")
        return given or default


def _sagemaker(fields: _Fields, book: SessionBook, make_client: MakeClient) -> Backend:
    aws_name = "letters and digits with hyphens between them, at most 63"
    endpoint = fields.required("endpoint", _AWS_NAME, aws_name)
    name = fields.name(endpoint)
    target = Endpoint(
        name=endpoint,
        variant=fields.text("variant", _AWS_NAME, aws_name),
        inference_component=fields.text("inference_component", _AWS_NAME, aws_name),
        prefix_aware=fields.boolean("prefix_aware"),
        header_bytes=fields.whole("prefix_length", MIN_HEADER, MIN_HEADER, MAX_HEADER),
        sessions=EndpointSessions(name, book) if fields.boolean("session_mode") else None,
    )
    options = {
        "region": fields.text("region", _REGION, "a region such as eu-west-1"),
        "endpoint_url": fields.text("endpoint_url", re.compile(r"https?://\S+"), "a http(s) URL"),
        "limits": fields.limits(),
    }
    return SageMakerBackend(name, _client(fields, make_client, options), target)


def _client(fields: _Fields, make_client: MakeClient, options: dict[str, Any]) -> Any:
    from botocore.exceptions import BotoCoreError, NoRegionError

    try:
        return make_client(**options)
    except NoRegionError:
        raise fields.wrong("region", "is missing, and the environment names none") from None
    except (BotoCoreError, ValueError) as error:
        kind = type(error).__name__
        raise fields.wrong("endpoint", f"cannot be set up: {kind}") from None


def _fleet(fields: _Fields, book: SessionBook, make_client: MakeClient) -> Backend:
    url = fields.required("url", re.compile(r"\S+"), "http(s)://host[:port]")
    try:
        path_of(url)
    except ValueError as error:
        raise fields.wrong("url", str(error)) from None
    name = fields.name(urlsplit(url).hostname or "fleet")
    return FleetBackend(
        name,
        url,
        homes=Homes(name, book),
        limits=fields.limits(),
        ca_file=fields.text("ca_file", re.compile(r".+"), "the path of a PEM file"),
    )


_BUILDERS: dict[str, Callable[[_Fields, SessionBook, MakeClient], Backend]] = {
    "sagemaker": _sagemaker,
    "fleet": _fleet,
}
