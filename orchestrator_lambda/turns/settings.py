"""How turns are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator_lambda.conversation.limits import Limits
from orchestrator_lambda.conversation.truncation import WaterMarks
from orchestrator_lambda.errors import ConfigError
from orchestrator_lambda.settings import read, setting


@dataclass(frozen=True, kw_only=True)
class TurnSettings:
    """Rhythm, lengths and habits of turns.

    Raises:
        ConfigError: a value is wrong.
    """

    ping_seconds: float = setting(
        10.0,
        "KEEPWARM_PING_SECONDS",
        about="a comment keeps a silent stream open",
        low=0.05,
        high=60,
    )
    coalesce_ms: float = setting(
        25.0,
        "KEEPWARM_COALESCE_MS",
        about="text of this long goes out as one event",
        low=0,
        high=1000,
    )
    checkpoint_seconds: float = setting(
        3.0,
        "KEEPWARM_CHECKPOINT_SECONDS",
        about="partial text is kept this often",
        low=0.05,
        high=60,
    )
    lock_seconds: float = setting(
        10.0, "KEEPWARM_LOCK_SECONDS", about="a silent producer loses its lock", low=0.2, high=120
    )
    grace_seconds: float = setting(
        5.0,
        "KEEPWARM_GRACE_SECONDS",
        about="an answer without lock is taken over after this long without a sign of life",
        low=0,
        high=300,
    )
    degraded_grace_seconds: float = setting(
        30.0,
        "KEEPWARM_DEGRADED_GRACE_SECONDS",
        about="the same while Redis is down, when nobody knows who holds a lock",
        low=0,
        high=900,
    )
    margin_seconds: float = setting(
        10.0,
        "KEEPWARM_MARGIN_SECONDS",
        about="an answer is handed to the next invocation this long before a Lambda's end",
        low=0.5,
        high=120,
    )
    default_tokens: int = setting(
        1024,
        "KEEPWARM_DEFAULT_TOKENS",
        about="longest answer where none is asked for",
        low=1,
        high=131072,
    )
    max_tokens: int = setting(
        4096,
        "KEEPWARM_MAX_TOKENS",
        about="longest answer that may be asked for",
        low=1,
        high=131072,
    )
    prompt_high: int = setting(
        6000,
        "KEEPWARM_PROMPT_TOKENS_HIGH",
        about="a prompt over this many tokens loses its oldest turns",
        low=16,
        high=2_000_000,
    )
    prompt_low: int = setting(
        3000,
        "KEEPWARM_PROMPT_TOKENS_LOW",
        about="and then this many are left, so that the next cut is far away",
        low=8,
        high=2_000_000,
    )
    message_characters: int = setting(
        200_000, "KEEPWARM_MESSAGE_CHARACTERS", about="longest message", low=1, high=2_000_000
    )
    retention_days: int = setting(
        0,
        "KEEPWARM_RETENTION_DAYS",
        about="conversations are kept this long; 0: for ever",
        low=0,
        high=36500,
    )
    titles: bool = setting(
        True, "KEEPWARM_TITLES", about="let the model write a title after the first turn"
    )
    summaries: bool = setting(
        False,
        "KEEPWARM_SUMMARIES",
        about="let the model sum up what a cut leaves out; the turn that cuts waits for it",
    )
    moderation: str = setting(
        "",
        "KEEPWARM_MODERATION",
        about="module:object with the hooks before(text) and after(text); empty: none",
    )

    def __post_init__(self) -> None:
        if self.prompt_low >= self.prompt_high:
            raise ConfigError(
                f"KEEPWARM_PROMPT_TOKENS_LOW={self.prompt_low} must be below "
                f"KEEPWARM_PROMPT_TOKENS_HIGH={self.prompt_high}"
            )
        if self.default_tokens > self.max_tokens:
            raise ConfigError(
                f"KEEPWARM_DEFAULT_TOKENS={self.default_tokens} must not be above "
                f"KEEPWARM_MAX_TOKENS={self.max_tokens}"
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> TurnSettings:
        """Settings from the environment.

        Raises:
            ConfigError: a variable does not hold what its setting needs.
        """
        return read(cls, env)

    @property
    def marks(self) -> WaterMarks:
        """Where histories are cut."""
        return WaterMarks(high=self.prompt_high, low=self.prompt_low)

    @property
    def limits(self) -> Limits:
        """How long texts may be."""
        return Limits(message=self.message_characters)
