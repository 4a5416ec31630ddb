"""What one deployment is: where it runs, on what, how careful an update is.

Read from `keepwarm.toml` in the current folder (or a file that is named), then from variables
`KEEPWARM_DEPLOY_<FIELD>`; what a command is told by its arguments wins over both.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from pipelines.errors import SettingsError
from pipelines.names import Names

FILE = "keepwarm.toml"
TABLE = "deployment"
PREFIX = "KEEPWARM_DEPLOY_"


def setting(default: Any, help: str) -> Any:
    """A field with the sentence that the docs show."""
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class DeploymentSettings:
    """One deployment; every field has a default that is sane for a first endpoint.

    Raises:
        SettingsError: a value cannot be; the message names field, value and what would be right.
    """

    name: str = setting("keepwarm", "prefix of every name in the account")
    region: str = setting("us-east-1", "AWS region")
    account: str = setting("", "account number; empty: asked of AWS")
    bucket: str = setting("", "bucket for sources and results; empty: NAME-ACCOUNT-REGION")
    instance: str = setting("ml.g6e.2xlarge", "instance type of staging and production")
    min_instances: int = setting(2, "instances at least; PREFIX_AWARE routing needs two")
    max_instances: int = setting(4, "instances at most")
    ami: str = setting(
        "al2023-ami-sagemaker-inference-gpu-4-1", "InferenceAmiVersion: the host's GPU driver"
    )
    context: int = setting(8192, "tokens of a session at most")
    approval: str = setting("manual", "manual: a person approves a version; auto: the gates do")
    canary_percent: int = setting(25, "share of the fleet that takes the new version first")
    canary_wait_s: int = setting(600, "seconds that the canary serves before the rest follows")
    startup_timeout_s: int = setting(1200, "seconds a container may take to answer /ping")
    download_timeout_s: int = setting(1800, "seconds the weights may take to arrive")
    metrics_namespace: str = setting("Keepwarm", "CloudWatch namespace of the orchestrator")
    alarm_errors: int = setting(5, "answers with 5xx in a minute that are too many")
    alarm_first_token_ms: int = setting(5000, "p95 until the first token that is too slow")
    alarm_truncated: int = setting(5, "answers cut short in a minute that are too many")
    alarm_preemptions: int = setting(60, "sequences preempted in a minute that are too many")

    def __post_init__(self) -> None:
        Names(self.name)
        one_of(self, "approval", ("manual", "auto"))
        between(self, "min_instances", 1, 1000)
        between(self, "max_instances", self.min_instances, 1000)
        between(self, "context", 16, 10_000_000)
        between(self, "canary_percent", 1, 50)
        between(self, "canary_wait_s", 0, 3600)
        between(self, "startup_timeout_s", 60, 3600)
        between(self, "download_timeout_s", 60, 3600)
        for alarm in ("errors", "first_token_ms", "truncated", "preemptions"):
            between(self, f"alarm_{alarm}", 1, 1_000_000)

    @property
    def names(self) -> Names:
        """What everything is called."""
        return Names(self.name)

    @classmethod
    def load(cls, file: Path | None, env: Mapping[str, str], **told: str | int | None) -> Self:
        """Settings from the file, the environment and a command's arguments, the last one wins.

        Raises:
            SettingsError: a file that is named is not there; an unknown field; a wrong value.
        """
        values = read_table(file, TABLE)
        known = {one.name: one for one in dataclasses.fields(cls)}
        for name in known:
            if text := env.get(PREFIX + name.upper(), ""):
                values[name] = text
        values |= {name: value for name, value in told.items() if value is not None}
        for name in values:
            if name not in known:
                raise SettingsError(f"there is no setting {name!r}; known: {', '.join(known)}")
        return cls(**{name: _typed(known[name], value) for name, value in values.items()})


def one_of(settings: object, name: str, allowed: tuple[str, ...]) -> None:
    """Refuse another word.

    Raises:
        SettingsError: it is none of the allowed ones.
    """
    value = getattr(settings, name)
    if value not in allowed:
        raise SettingsError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")


def between(settings: object, name: str, low: float, high: float) -> None:
    """Refuse a number outside [low, high].

    Raises:
        SettingsError: it is.
    """
    value = getattr(settings, name)
    if not low <= value <= high:
        raise SettingsError(f"{name} must be in [{low:g}, {high:g}], got {value}")


def read_table(file: Path | None, name: str) -> dict[str, Any]:
    """One table of the settings file; empty when no file is named and none is there.

    Raises:
        SettingsError: a file that is named is not there, or is no such file.
    """
    path = file or Path(FILE)
    if file is None and not path.is_file():
        return {}
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8")).get(name, {})
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} cannot be used: {error}") from error
    if not isinstance(table, dict):
        raise SettingsError(f"{path}: [{name}] must be a table")
    return dict(table)


def _typed(known: dataclasses.Field[Any], value: object) -> Any:
    """A value of the field's own type; numbers may come as text."""
    kind = type(known.default)
    if isinstance(value, kind) and not isinstance(value, bool):
        return value
    try:
        if kind is int and isinstance(value, str):
            return int(value)
    except ValueError:
        pass
    raise SettingsError(
        f"{known.name} must be {'a whole number' if kind is int else 'text'}, got {value!r}"
    )
