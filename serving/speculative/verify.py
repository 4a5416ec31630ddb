"""Which of a step's samples count."""

from __future__ import annotations

from collections.abc import Sequence

from serving.request import SampledToken


def accept(drafted: Sequence[int], sampled: Sequence[SampledToken]) -> list[SampledToken]:
    """The sequence's new tokens: samples up to the first that is not what was drafted.

    Sample j is drawn from the model's own distribution behind `drafted[:j]`. It is a token of the
    sequence exactly if that is what the sequence is; the samples behind it are thrown away. So
    each token is drawn from the same distribution as without drafts, by any way of sampling, and
    a greedy sequence gets the same tokens. (Rejection sampling for a draft that is certain, as in
    Leviathan et al. 2023, comes to the same.)

    Args:
        drafted: the tokens that were guessed.
        sampled: one more; the next token behind none, one, two, ... of them.
    """
    right = 0
    while right < len(drafted) and sampled[right].token_id == drafted[right]:
        right += 1
    return list(sampled[: right + 1])
