"""The thresholds, frozen: from `[gates]` in keepwarm.toml, then variables `KEEPWARM_GATES_<FIELD>`.

The floors are low on purpose, so that they fit a small model as well as a large one: what holds
quality and speed up is the comparison with the version before.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipelines.errors import SettingsError
from pipelines.settings import read_table, setting

TABLE = "gates"
PREFIX = "KEEPWARM_GATES_"


@dataclass(frozen=True, kw_only=True)
class GateLimits:
    """What is allowed; shares and growth are fractions of one, times are in seconds.

    Raises:
        SettingsError: a value cannot be; the message names field, value and what would be right.
    """

    max_bits_per_byte: float = setting(2.0, "on the shipped text, whatever the tokenizer")
    min_suite_share: float = setting(0.25, "of a suite's prompts that must pass")
    max_ttft_p95_s: float = setting(10.0, "time to the first token at the highest level")
    max_itl_p99_s: float = setting(2.0, "time from one token to the next at the highest level")
    min_tokens_per_s: float = setting(5.0, "output tokens a second at the best level")
    min_cached_share: float = setting(0.25, "of prompt tokens found warm at the highest level")
    max_truncated_share: float = setting(0.0, "of streams that end without their receipt")
    max_failed_share: float = setting(0.0, "of requests that fail or are never sent")
    perplexity_growth: float = setting(0.03, "above the version before, with the same tokenizer")
    bits_per_byte_growth: float = setting(0.03, "above the version before")
    suite_drop: float = setting(0.1, "of a suite's prompts, below the version before")
    ttft_growth: float = setting(0.25, "above the version before, at the same place")
    ttft_slack_s: float = setting(0.1, "by which a first token may come later in any case")
    itl_growth: float = setting(0.25, "above the version before, at the same place")
    itl_slack_s: float = setting(0.02, "by which a next token may come later in any case")
    tokens_per_s_drop: float = setting(0.2, "below the version before, at the same place")
    cached_share_drop: float = setting(0.1, "of prompt tokens, below the version before")

    def __post_init__(self) -> None:
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if not math.isfinite(value) or value < 0:
                raise SettingsError(f"{one.name} must be 0 or more, got {value}")
            if one.name.endswith(("_share", "_drop")) and value > 1:
                raise SettingsError(f"{one.name} is a fraction from 0 to 1, got {value:g}")

    @classmethod
    def load(cls, file: Path | None, env: Mapping[str, str]) -> Self:
        """Limits from the file and the environment, which wins.

        Raises:
            SettingsError: a file that is named is not there; an unknown limit; a wrong value.
        """
        values = read_table(file, TABLE)
        known = {one.name for one in dataclasses.fields(cls)}
        values |= {
            name: env[PREFIX + name.upper()] for name in known if PREFIX + name.upper() in env
        }
        for name in values:
            if name not in known:
                raise SettingsError(f"there is no gate {name!r}; known: {', '.join(sorted(known))}")
        return cls(**{name: _number(name, value) for name, value in values.items()})

    def environment(self) -> dict[str, str]:
        """The same as variables, for a function that has no file."""
        return {PREFIX + name.upper(): repr(v) for name, v in dataclasses.asdict(self).items()}


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError) as error:
        raise SettingsError(f"the gate {name} must be a number, got {value!r}") from error


def limits_table() -> str:
    """The limits as the docs show them."""
    lines = ["| limit | default | what it is |", "| --- | --- | --- |"]
    for one in dataclasses.fields(GateLimits):
        lines.append(f"| `{one.name}` | {one.default:g} | {one.metadata['help']} |")
    return "\n".join(lines)
