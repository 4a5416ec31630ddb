"""Every setting of the container, in one place: read once, checked once, described beside itself.

The table in docs/settings.md is made of it; a new field appears there by itself.
"""

from __future__ import annotations

import dataclasses
import os
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, get_type_hints

from serving.errors import ConfigError

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})
LOG_LEVELS = ("debug", "info", "warning", "error")
PORT_RANGE = re.compile(r"(\d{1,5})-(\d{1,5})")


def _setting(
    default: Any,
    *env: str,
    about: str,
    low: float | None = None,
    high: float | None = None,
) -> Any:
    """A field with its variables (the first one that is set wins), bounds and description."""
    metadata = {"env": env, "about": about, "low": low, "high": high}
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """How the HTTP container behaves. Times are in seconds.

    Raises:
        ConfigError: a value is wrong; the message names variable, value and what would be right.
    """

    host: str = _setting(
        "127.0.0.1", "KEEPWARM_HOST", about="address to bind; the image sets 0.0.0.0"
    )
    port: int = _setting(
        8080,
        "SAGEMAKER_BIND_TO_PORT",
        "KEEPWARM_PORT",
        about="port to bind",
        low=1,
        high=65535,
    )
    safe_port_range: str = _setting(
        "",
        "SAGEMAKER_SAFE_PORT_RANGE",
        about="ports the platform leaves free, LOW-HIGH; this server opens none beside its own",
    )
    base_dir: str = _setting(
        "/opt/ml",
        "SAGEMAKER_BASE_DIR",
        "SAGEMAKER_BASE_PATH",
        about="the platform's folder; the model lies in `model` below it",
    )
    model_dir: str = _setting(
        "",
        "KEEPWARM_MODEL",
        "SM_MODEL_DIR",
        about="model folder; empty: `model` in the base folder",
    )
    submit_directory: str = _setting(
        "",
        "SAGEMAKER_SUBMIT_DIRECTORY",
        about="folder of the model's own code; empty: `code` in the model folder",
    )
    program: str = _setting(
        "", "SAGEMAKER_PROGRAM", about="file with the model's functions; empty: inference.py"
    )
    default_accept: str = _setting(
        "application/json",
        "SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT",
        about="media type of an answer whose request names none",
    )
    install_requirements: bool = _setting(
        False,
        "KEEPWARM_INSTALL_REQUIREMENTS",
        about="install requirements.txt of the model's code at start",
    )
    served_model_name: str = _setting(
        "",
        "KEEPWARM_SERVED_MODEL_NAME",
        about="name of the model in answers; empty: name of its folder",
    )
    instance_id: str = _setting(
        "", "KEEPWARM_INSTANCE_ID", about="name of this instance in receipts; empty: host name"
    )
    max_concurrent: int = _setting(
        256,
        "KEEPWARM_MAX_CONCURRENT",
        about="requests at a time; the next one gets 429",
        low=1,
        high=4096,
    )
    reserve_threads: int = _setting(
        16,
        "KEEPWARM_RESERVE_THREADS",
        about="threads beyond that number, which answer /ping, /metrics and 429",
        low=2,
        high=256,
    )
    compat_concurrent: int = _setting(
        1,
        "KEEPWARM_COMPAT_CONCURRENT",
        about="requests at a time in a model's own un-batched predict_fn",
        low=1,
        high=256,
    )
    deadline_seconds: float = _setting(
        55.0,
        "KEEPWARM_DEADLINE_SECONDS",
        about="an answer that is not streamed is cut here",
        low=0.1,
        high=3600,
    )
    stream_deadline_seconds: float = _setting(
        470.0,
        "KEEPWARM_STREAM_DEADLINE_SECONDS",
        about="a streamed answer is cut here",
        low=0.1,
        high=3600,
    )
    heartbeat_seconds: float = _setting(
        15.0,
        "KEEPWARM_HEARTBEAT_SECONDS",
        about="a silent stream sends an SSE comment this often",
        low=0.1,
        high=3600,
    )
    drain_seconds: float = _setting(
        25.0,
        "KEEPWARM_DRAIN_SECONDS",
        about="time that running requests get after SIGTERM",
        low=0,
        high=3600,
    )
    socket_seconds: float = _setting(
        30.0,
        "KEEPWARM_SOCKET_SECONDS",
        about="a client that neither sends nor reads for this long is given up",
        low=1,
        high=3600,
    )
    max_body_bytes: int = _setting(
        6 * 1024 * 1024,
        "KEEPWARM_MAX_BODY_BYTES",
        about="largest body; beyond it 413",
        low=1024,
        high=1024**3,
    )
    warmup_tokens: int = _setting(
        4,
        "KEEPWARM_WARMUP_TOKENS",
        about="tokens generated before /ping says 200; 0 skips it",
        low=0,
        high=256,
    )
    stateful_sessions: bool = _setting(
        True, "SAGEMAKER_ENABLE_STATEFUL_SESSIONS", about="answer NEW_SESSION with a session id"
    )
    session_seconds: int = _setting(
        1200,
        "SAGEMAKER_SESSIONS_EXPIRATION",
        about="a session ends this long after its last request",
        low=1,
        high=7 * 24 * 3600,
    )
    max_sessions: int = _setting(
        10_000,
        "KEEPWARM_MAX_SESSIONS",
        about="sessions remembered; the least recently used is forgotten",
        low=1,
        high=1_000_000,
    )
    new_session_header: bool = _setting(
        False,
        "KEEPWARM_NEW_SESSION_HEADER",
        about="announce a session in X-Amzn-SageMaker-New-Session-Id instead of -Session-Id",
    )
    log_level: str = _setting("info", "KEEPWARM_LOG_LEVEL", about="debug, info, warning or error")
    log_error_messages: bool = _setting(
        False,
        "KEEPWARM_LOG_ERROR_MESSAGES",
        about="log what exceptions of the model's code say; it may quote prompts",
    )

    def __post_init__(self) -> None:
        for spec in dataclasses.fields(self):
            _check_bounds(spec, getattr(self, spec.name))
        self._check_words()

    def _check_words(self) -> None:
        if self.log_level not in LOG_LEVELS:
            raise ConfigError(
                f"KEEPWARM_LOG_LEVEL={self.log_level!r} must be one of {', '.join(LOG_LEVELS)}"
            )
        if not self.safe_port_range:
            return
        ports = PORT_RANGE.fullmatch(self.safe_port_range)
        if ports is None or not int(ports[1]) <= int(ports[2]) <= 65535:
            raise ConfigError(
                f"SAGEMAKER_SAFE_PORT_RANGE={self.safe_port_range!r} must be LOW-HIGH, "
                "such as 10000-10999"
            )

    @classmethod
    def from_env(
        cls, env: Mapping[str, str] | None = None, **overrides: object
    ) -> ContainerSettings:
        """Settings from the environment; `overrides` that are not None win over it.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        env = os.environ if env is None else env
        types = get_type_hints(cls)
        values = {name: value for name, value in overrides.items() if value is not None}
        for spec in dataclasses.fields(cls):
            variable = next((name for name in spec.metadata["env"] if env.get(name)), None)
            if variable is not None and spec.name not in values:
                values[spec.name] = _parse(variable, env[variable].strip(), types[spec.name])
        return cls(**values)  # type: ignore[arg-type]

    @property
    def model_path(self) -> Path:
        """The model folder."""
        return Path(self.model_dir) if self.model_dir else Path(self.base_dir) / "model"

    @property
    def code_path(self) -> Path:
        """The folder of the model's own code, which need not exist."""
        if self.submit_directory:
            return Path(self.submit_directory.removeprefix("file://"))
        return self.model_path / "code"

    @cached_property  # resolving a path asks the system for each of its folders
    def model_name(self) -> str:
        """The model's name in answers."""
        return self.served_model_name or self.model_path.resolve().name

    @property
    def instance(self) -> str:
        """This instance's name in receipts."""
        return self.instance_id or socket.gethostname()

    @property
    def threads(self) -> int:
        """Threads of the server."""
        return self.max_concurrent + self.reserve_threads


def markdown_table() -> str:
    """The settings as a Markdown table, for the docs."""
    lines = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for spec in dataclasses.fields(ContainerSettings):
        names = ", ".join(f"`{name}`" for name in spec.metadata["env"])
        default = str(spec.default).lower() if isinstance(spec.default, bool) else spec.default
        lines.append(
            f"| {names} | {f'`{default}`' if default != '' else ''} | {spec.metadata['about']} |"
        )
    return "\n".join(lines) + "\n"


def _parse(variable: str, text: str, kind: type) -> object:
    """The value of `text` as `kind`, or a ConfigError that says what would be right."""
    if kind is bool:
        if text.lower() in TRUE_WORDS | FALSE_WORDS:
            return text.lower() in TRUE_WORDS
        raise ConfigError(f"{variable}={text!r} must be true or false")
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ConfigError(f"{variable}={text!r} must be {wanted}") from None


def _check_bounds(spec: dataclasses.Field[Any], value: object) -> None:
    low, high = spec.metadata["low"], spec.metadata["high"]
    if low is None or not isinstance(value, int | float):
        return
    if not low <= value <= high:
        raise ConfigError(f"{spec.metadata['env'][0]}={value} must be in [{low:g}, {high:g}]")
