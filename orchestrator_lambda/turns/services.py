"""What a turn works with."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator_lambda.backends.interface import Backend, Warmable
from orchestrator_lambda.history.interface import History
from orchestrator_lambda.sessions.interface import Sessions
from orchestrator_lambda.telemetry.interface import Telemetry
from orchestrator_lambda.turns.moderation import Moderator, NoModerator
from orchestrator_lambda.turns.reports import Reporter
from orchestrator_lambda.turns.settings import TurnSettings


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class WarmableBackend(Backend, Warmable, Protocol):
    """A backend that takes hints too."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """The stores, the backends and the habits; made once for each execution environment."""

    history: History
    sessions: Sessions
    backend: WarmableBackend
    telemetry: Telemetry
    model: str = "keepwarm"
    settings: TurnSettings = field(default_factory=TurnSettings)
    reporter: Reporter = field(default_factory=Reporter)
    moderator: Moderator = field(default_factory=NoModerator)
    clock: Callable[[], int] = now_ms
