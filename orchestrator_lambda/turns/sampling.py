"""How an answer may be asked for: fields of a chat completion, checked before all else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.turns.settings import TurnSettings

_NUMBERS: Mapping[str, tuple[float, float]] = {
    "temperature": (0.0, 2.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "frequency_penalty": (-2.0, 2.0),
    "presence_penalty": (-2.0, 2.0),
    "repetition_penalty": (0.01, 10.0),
}
_INTEGERS: Mapping[str, tuple[int, int]] = {
    "top_k": (-1, 1_000_000),
    "seed": (-(2**63), 2**63 - 1),
}
SAMPLING_FIELDS = ("max_tokens", "max_completion_tokens", *_NUMBERS, *_INTEGERS, "stop")
_MAX_STOPS, _MAX_STOP_LENGTH = 4, 100


def read_sampling(body: Mapping[str, Any], settings: TurnSettings) -> dict[str, Any]:
    """The sampling fields of a request's body; those that are absent or null stay out.

    Raises:
        InvalidRequest: a field has the wrong type or lies outside its range.
    """
    found: dict[str, Any] = {"max_tokens": _max_tokens(body, settings)}
    for name, (low, high) in _NUMBERS.items():
        if body.get(name) is not None:
            found[name] = _number(name, body[name], low, high)
    for name, (first, last) in _INTEGERS.items():
        if body.get(name) is not None:
            found[name] = _integer(name, body[name], first, last)
    if body.get("stop") is not None:
        found["stop"] = _stops(body["stop"])
    return found


def _max_tokens(body: Mapping[str, Any], settings: TurnSettings) -> int:
    name = (
        "max_completion_tokens" if body.get("max_completion_tokens") is not None else "max_tokens"
    )
    value = body.get(name)
    if value is None:
        return settings.default_tokens
    return _integer(name, value, 1, settings.max_tokens)


def _number(name: str, value: Any, low: float, high: float) -> float:
    wrong = isinstance(value, bool) or not isinstance(value, (int, float))
    if wrong or not math.isfinite(value) or not low <= value <= high:
        raise InvalidRequest(f"{name} must be a number in [{low:g}, {high:g}]", param=name)
    return float(value)


def _integer(name: str, value: Any, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidRequest(f"{name} must be a whole number in [{low}, {high}]", param=name)
    return value


def _stops(value: Any) -> list[str]:
    stops = [value] if isinstance(value, str) else value
    texts = isinstance(stops, list) and all(isinstance(stop, str) for stop in stops)
    if not texts or len(stops) > _MAX_STOPS:
        raise InvalidRequest(f"stop must be a string or up to {_MAX_STOPS} of them", param="stop")
    if not all(0 < len(stop) <= _MAX_STOP_LENGTH for stop in stops):
        raise InvalidRequest(f"a stop string has 1 to {_MAX_STOP_LENGTH} characters", param="stop")
    return list(stops)
