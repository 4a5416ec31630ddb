"""Why a turn's history was, or was not, in the KV cache.

    no earlier turn, or its prompt is no beginning of this one's  --> cold
    at least half of the earlier prompt was cached                --> hit
    another instance answered than the last time                  --> routing miss
    the same one, which has let the blocks go                     --> eviction

A routing miss is the router's to mend, an eviction asks for more memory: one number for both would
send people to the wrong place.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

BLOCK_TOKENS = 16
"""Caches hold whole blocks: a shorter prompt leaves nothing behind."""

HIT_SHARE = 0.5
"""Blocks may be larger than we think, so a hit need not cover all of the earlier prompt."""


class CacheClass(StrEnum):
    """What became of the history's KV cache."""

    HIT = "hit"
    ROUTING_MISS = "routing_miss"
    EVICTION = "eviction"
    COLD = "cold"


def classify(
    previous: Mapping[str, Any], receipt: Mapping[str, Any], *, rewritten: bool = False
) -> CacheClass | None:
    """The class of a turn; None where it has no receipt that says.

    Args:
        previous: receipt of the answer before it on the branch (prompt_tokens, instance, backend);
            empty if there was none.
        receipt: of this turn (prompt_tokens, cached_tokens, instance, backend).
        rewritten: the prompt does not begin as the earlier one did, such as after a new cut.
    """
    prompt, cached = _tokens(receipt, "prompt_tokens"), _tokens(receipt, "cached_tokens")
    if prompt is None or cached is None:
        return None
    before = _tokens(previous, "prompt_tokens") or 0
    # The last token is always computed: its logits make the next one.
    expected = min(before, max(0, prompt - 1)) // BLOCK_TOKENS * BLOCK_TOKENS
    if rewritten or expected == 0:
        return CacheClass.COLD
    if cached >= HIT_SHARE * expected:
        return CacheClass.HIT
    return CacheClass.ROUTING_MISS if _moved(previous, receipt) else CacheClass.EVICTION


def _moved(previous: Mapping[str, Any], receipt: Mapping[str, Any]) -> bool:
    """Whether it is known that another place answered."""
    return any(
        previous.get(name) and receipt.get(name) and previous[name] != receipt[name]
        for name in ("backend", "instance")
    )


def _tokens(receipt: Mapping[str, Any], name: str) -> int | None:
    try:
        return max(0, int(receipt[name]))
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
