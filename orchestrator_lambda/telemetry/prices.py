"""What a turn has cost, by estimate: cached input, fresh input and output apart.

Prices are for a million tokens. A model served on one's own machines has no price list; whoever
wants its cost divides the machine's price by what it serves and says so in `source`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PER_TOKENS = 1_000_000
ANY_MODEL = "*"
MAX_PRICE = 1e6
_KINDS = ("input", "cached_input", "output")
_FIELDS = frozenset({"currency", "date", "source", "models"})


@dataclass(frozen=True, kw_only=True)
class Price:
    """Prices of one model for a million tokens."""

    input: float
    cached_input: float
    output: float


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Cost of one turn, in the table's currency."""

    fresh_input: float
    cached_input: float
    output: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.fresh_input + self.cached_input + self.output


@dataclass(frozen=True, kw_only=True)
class PriceTable:
    """Prices by model, and where they are from.

    Attributes:
        models: the model `*` stands for those not named.
        date: since when they hold, as a date.
        source: a few words, such as the name of a price list.
    """

    models: Mapping[str, Price]
    currency: str = "USD"
    date: str = ""
    source: str = ""

    def cost(
        self, model: str, *, input_tokens: int, cached_tokens: int, output_tokens: int
    ) -> Cost | None:
        """Cost of a turn; None where the model has no price.

        Args:
            model: as in the table.
            input_tokens: of the whole prompt, the cached ones among them.
            cached_tokens: those that were not computed again.
            output_tokens: of the answer.
        """
        price = self.models.get(model) or self.models.get(ANY_MODEL)
        if price is None:
            return None
        cached = min(max(0, cached_tokens), max(0, input_tokens))
        return Cost(
            fresh_input=_of(max(0, input_tokens) - cached, price.input),
            cached_input=_of(cached, price.cached_input),
            output=_of(max(0, output_tokens), price.output),
        )


def parse_prices(text: str) -> PriceTable | None:
    """The table out of its setting; None for `{}`.

    Raises:
        ValueError: what is wrong with it, and what would be right.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("this is not JSON") from None
    if not isinstance(content, dict):
        raise ValueError("this must be a JSON object")
    if not content:
        return None
    if unknown := sorted(set(content) - _FIELDS):
        raise ValueError(f"unknown field {unknown[0]!r}; known are {', '.join(sorted(_FIELDS))}")
    models = content.get("models")
    if not isinstance(models, dict) or not models:
        raise ValueError("models must be an object with at least one model")
    words = {name: content[name] for name in ("currency", "date", "source") if name in content}
    for name, word in words.items():
        if not isinstance(word, str) or len(word) > 200:
            raise ValueError(f"{name} must be a text of at most 200 characters")
    return PriceTable(models={name: _price(name, entry) for name, entry in models.items()}, **words)


def _price(model: str, entry: Any) -> Price:
    if not isinstance(entry, dict) or set(entry) != set(_KINDS):
        raise ValueError(f"model {model!r} must have exactly {', '.join(_KINDS)}")
    for kind, value in entry.items():
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not 0 <= value <= MAX_PRICE:
            raise ValueError(f"{kind} of model {model!r} must be a number in [0, {MAX_PRICE:g}]")
    return Price(**{kind: float(entry[kind]) for kind in _KINDS})


def _of(tokens: int, price: float) -> float:
    return tokens * price / PER_TOKENS
