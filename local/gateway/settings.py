"""How the gateway behaves: one record, kept in a JSON file between supervisor and gateway."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
LAMBDA_PAYLOAD = 6 * MIB


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """The defaults are the documented limits of what the gateway stands for.

    Attributes:
        port: to listen on, on loopback; 0 takes a free one.
        web: folder of the built page; without it only the API is there.
        idle_s: longest pause between two packets of an answer (CloudFront's OriginReadTimeout).
        integration_s: longest whole answer (REST API with STREAM).
        body_limit: bytes of a request's body (API Gateway).
        url_limit: bytes of a path with its query (CloudFront).
        full_speed_bytes: of a stream that go as they come; what follows is held to `slow_rate`.
        slow_rate: bytes a second.
        stage: of the API, in the event's `requestContext`.
        faults: see faults.parse_faults.
        audience: of the tokens that the local sign-in gives.
        containers: name and URL of each, for the page under the hood.
        parts_file: state of the parts, as the supervisor writes it.
        telemetry_file: what passes through the stream, as the consumer writes it.
    """

    port: int = 0
    web: Path | None = None
    idle_s: float = 60.0
    integration_s: float = 900.0
    body_limit: int = 10 * MIB
    url_limit: int = 8192
    full_speed_bytes: int = 10 * MIB
    slow_rate: float = 2.0 * MIB
    stage: str = "prod"
    faults: str = ""
    audience: str = "keepwarm-local"
    containers: Mapping[str, str] = field(default_factory=dict)
    parts_file: Path | None = None
    telemetry_file: Path | None = None

    def __post_init__(self) -> None:
        for name in ("idle_s", "integration_s", "slow_rate", "body_limit", "url_limit"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)!r}")
        if not 0 <= self.port <= 65535:
            raise ValueError(f"port must be from 0 to 65535, got {self.port!r}")


def settings_to_json(settings: GatewaySettings) -> dict[str, Any]:
    """Plain data that `settings_from_json` reads."""
    content = dataclasses.asdict(settings)
    return {name: str(item) if isinstance(item, Path) else item for name, item in content.items()}


def settings_from_json(content: Mapping[str, Any]) -> GatewaySettings:
    """The record that `settings_to_json` made.

    Raises:
        ValueError: a field is unknown or its value wrong.
    """
    known = {item.name for item in dataclasses.fields(GatewaySettings)}
    if unknown := sorted(set(content) - known):
        raise ValueError(f"{unknown[0]!r} is no setting of the gateway")
    paths = ("web", "parts_file", "telemetry_file")
    values = {name: Path(content[name]) for name in paths if content.get(name)}
    return GatewaySettings(**{**content, **{name: None for name in paths}, **values})


def read_json(path: Path) -> dict[str, Any]:
    """An object from a file.

    Raises:
        ValueError: it holds none.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path} does not hold an object")
    return content
