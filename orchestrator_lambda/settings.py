"""The orchestrator's settings: read once from the environment, checked once, described beside it.

Each part has a frozen record of its own whose fields are made by `setting`; `read` fills any of
them. `Settings` holds what the parts share; the table in the docs is made of the records.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_type_hints

from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.events.invocation import EventSettings
from orchestrator_lambda.http.cors import CorsPolicy

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
ENVIRONMENTS = ("production", "staging", "local")
LOG_LEVELS = ("debug", "info", "warning", "error")

Record = TypeVar("Record")


def setting(
    default: Any,
    variable: str,
    *,
    about: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    secret: bool = False,
) -> Any:
    """A field with its variable, bounds or choices, and description.

    A secret's value is neither in error messages nor in the record's repr.
    """
    metadata = {
        "variable": variable,
        "about": about,
        "low": low,
        "high": high,
        "choices": choices,
        "secret": secret,
    }
    return field(default=default, metadata=metadata, repr=not secret)


def environment_setting() -> Any:
    """Where this runs; the field of every record whose checks depend on it."""
    return setting(
        "production",
        "KEEPWARM_ENV",
        about="production, staging or local; what is only for development is refused but in local",
        choices=ENVIRONMENTS,
    )


def read(record: type[Record], env: Mapping[str, str] | None = None) -> Record:
    """A record from the environment; an empty variable counts as not set.

    Raises:
        ConfigError: a variable does not parse, is out of bounds or is none of the choices.
    """
    env = os.environ if env is None else env
    types = get_type_hints(record)
    values = {}
    for spec in dataclasses.fields(record):  # type: ignore[arg-type]
        text = env.get(spec.metadata.get("variable", ""), "").strip()
        if text:
            value = _parse(spec, text, types[spec.name])
            _check(spec, value, text)
            values[spec.name] = value
    return record(**values)


def markdown_table(*records: type) -> str:
    """The settings of some records as a Markdown table; a variable that several read, once."""
    rows: dict[str, str] = {}
    for record in records:
        for spec in dataclasses.fields(record):
            if "variable" in spec.metadata:
                rows.setdefault(spec.metadata["variable"], _row(spec))
    lines = ["| variable | default | meaning |", "| --- | --- | --- |", *rows.values()]
    return "\n".join(lines) + "\n"


def _row(spec: dataclasses.Field[Any]) -> str:
    if isinstance(spec.default, bool):
        default = str(spec.default).lower()
    elif isinstance(spec.default, tuple):
        default = ",".join(spec.default)
    else:
        default = "" if spec.default is None else str(spec.default)
    shown = f"`{default}`" if default else ""
    return f"| `{spec.metadata['variable']}` | {shown} | {spec.metadata['about']} |"


def _parse(spec: dataclasses.Field[Any], text: str, kind: Any) -> Any:
    if kind is bool:
        if text.lower() not in TRUE_WORDS | FALSE_WORDS:
            raise _wrong(spec, text, "must be true or false")
        return text.lower() in TRUE_WORDS
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            raise _wrong(spec, text, f"must be {wanted}") from None
    if kind == tuple[str, ...]:
        return tuple(word for part in text.split(",") if (word := part.strip()))
    return text


def _check(spec: dataclasses.Field[Any], value: Any, text: str) -> None:
    low, high, choices = (spec.metadata[name] for name in ("low", "high", "choices"))
    if low is not None and not low <= value <= high:
        raise _wrong(spec, text, f"must be in [{low:g}, {high:g}]")
    words = value if isinstance(value, tuple) else (value,)
    if choices and not set(words) <= set(choices):
        raise _wrong(spec, text, f"must be of: {', '.join(choices)}")


def _wrong(spec: dataclasses.Field[Any], text: str, why: str) -> ConfigError:
    shown = "" if spec.metadata["secret"] else f"={text!r}"
    return ConfigError(f"{spec.metadata['variable']}{shown} {why}")


_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REDIS = re.compile(r"rediss?://\S+|unix://\S+")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the parts share.

    Raises:
        ConfigError: a value is wrong.
    """

    env: str = environment_setting()
    table: str = setting("keepwarm", "KEEPWARM_TABLE", about="DynamoDB table of the history")
    bucket: str = setting(
        "", "KEEPWARM_BUCKET", about="S3 bucket for messages too large for DynamoDB; empty: none"
    )
    redis_url: str = setting(
        "",
        "KEEPWARM_REDIS_URL",
        about="redis://, rediss:// (TLS) or unix:// of the sessions; empty: always degraded",
        secret=True,
    )
    backends: str = setting(
        "[]", "KEEPWARM_BACKENDS", about="JSON list of the backends, in order of preference"
    )
    model: str = setting(
        "keepwarm",
        "KEEPWARM_MODEL_NAME",
        about="name of the model in answers and new conversations",
    )
    max_body_bytes: int = setting(
        4 * 1024 * 1024,
        "KEEPWARM_MAX_BODY_BYTES",
        about="largest body of a request; beyond it 413",
        low=1024,
        high=6 * 1024 * 1024,
    )
    streaming_events: tuple[str, ...] = setting(
        ("rest", "url"),
        "KEEPWARM_STREAMING_EVENTS",
        about="events whose integration streams: rest (REST API with STREAM), url (function URL "
        "with RESPONSE_STREAM); all others get whole answers",
        choices=("rest", "url", "none"),
    )
    base_path: str = setting(
        "", "KEEPWARM_BASE_PATH", about="path in front of all routes, taken off; such as /chat"
    )
    cors_origins: tuple[str, ...] = setting(
        (), "KEEPWARM_CORS_ORIGINS", about="origins whose pages may read answers, by commas; or *"
    )
    cors_credentials: bool = setting(
        False, "KEEPWARM_CORS_CREDENTIALS", about="let those pages send cookies; not with *"
    )
    log_level: str = setting(
        "info",
        "KEEPWARM_LOG_LEVEL",
        about="debug, info, warning or error",
        choices=LOG_LEVELS,
    )

    def __post_init__(self) -> None:
        if self.bucket and not _BUCKET.fullmatch(self.bucket):
            raise ConfigError(f"KEEPWARM_BUCKET={self.bucket!r} is no name of a bucket")
        if self.redis_url and not _REDIS.fullmatch(self.redis_url):
            raise ConfigError("KEEPWARM_REDIS_URL must begin with redis://, rediss:// or unix://")
        if self.base_path and not re.fullmatch(r"(/[\w.~-]+)+", self.base_path):
            raise ConfigError(
                f"KEEPWARM_BASE_PATH={self.base_path!r} must be such as /chat, without a slash at "
                "its end"
            )
        self._check_backends()
        _ = self.cors

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)

    @property
    def cors(self) -> CorsPolicy:
        """Which pages of other origins may read answers."""
        try:
            return CorsPolicy(
                origins=frozenset(self.cors_origins), credentials=self.cors_credentials
            )
        except ValueError as error:
            raise ConfigError(f"KEEPWARM_CORS_ORIGINS: {error}") from None

    @property
    def events(self) -> EventSettings:
        """How events are read."""
        return EventSettings(
            streaming=frozenset(self.streaming_events),
            base_path=self.base_path,
            max_body_bytes=self.max_body_bytes,
        )

    def backend_entries(self) -> list[dict[str, Any]]:
        """`KEEPWARM_BACKENDS` as objects; what is in them is the backends' to check."""
        entries: list[dict[str, Any]] = json.loads(self.backends)
        return entries

    def _check_backends(self) -> None:
        try:
            entries = json.loads(self.backends)
        except ValueError:
            raise ConfigError("KEEPWARM_BACKENDS is not JSON; write a list of objects") from None
        if not isinstance(entries, list) or not all(isinstance(item, dict) for item in entries):
            raise ConfigError("KEEPWARM_BACKENDS must be a JSON list of objects")
