"""Which tokens a draw may choose from: min-p, top-k and top-p by threshold.

Each step finds, row by row, the least logit that stays and bans what is below it. Tokens that
tie with the last one kept are kept too: which of equals to drop would be arbitrary.
All functions change `logits` [R, V] (float32) in place. Each row's result depends on that row
alone, whatever shares the batch with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

NUCLEUS_GUESS = 256
"""Top-p looks at so many of the likeliest tokens first: sorting the vocabulary costs 20 times as
much, and few distributions of a language model need it."""

_BANNED = -math.inf


def keep_min_p(logits: Tensor, min_p: Sequence[float]) -> None:
    """Ban tokens less than `min_p` times as likely as the row's likeliest; 0 bans none."""
    shares = torch.tensor(min_p, dtype=torch.float32, device=logits.device)
    floor = logits.amax(dim=-1, keepdim=True) + shares.log().unsqueeze(-1)
    logits.masked_fill_(logits < floor, _BANNED)


def keep_top_k(logits: Tensor, top_k: Sequence[int]) -> None:
    """Ban all but each row's `top_k` likeliest tokens; 0 bans none."""
    vocab_size = logits.shape[-1]
    limits = [k if 0 < k < vocab_size else 0 for k in top_k]
    if not any(limits):
        return
    likeliest = logits.topk(max(limits), dim=-1).values
    ranks = torch.tensor([max(k - 1, 0) for k in limits], device=logits.device)
    floor = likeliest.gather(-1, ranks.unsqueeze(-1))
    unlimited = torch.tensor([k == 0 for k in limits], device=logits.device)
    floor.masked_fill_(unlimited.unsqueeze(-1), _BANNED)
    logits.masked_fill_(logits < floor, _BANNED)


def keep_top_p(logits: Tensor, top_p: Sequence[float]) -> None:
    """Ban all but each row's smallest set of likeliest tokens that holds `top_p`; 1 bans none."""
    rows = [row for row, p in enumerate(top_p) if p < 1.0]
    if not rows:
        return
    index = torch.tensor(rows, device=logits.device)
    shares = torch.tensor([top_p[row] for row in rows], device=logits.device)
    chosen = logits[index]
    floor = _nucleus_floor(chosen, shares, NUCLEUS_GUESS)
    logits[index] = chosen.masked_fill_(chosen < floor.unsqueeze(-1), _BANNED)


def _nucleus_floor(logits: Tensor, top_p: Tensor, width: int) -> Tensor:
    """The least logit in each row's nucleus, looked for among the `width` likeliest tokens.

    A token belongs to the nucleus if the mass of all likelier ones is below `top_p`. Rows whose
    nucleus is wider are looked at again, 16 times as wide.
    """
    sorts_all = width >= logits.shape[-1]
    ordered = logits.sort(dim=-1, descending=True) if sorts_all else logits.topk(width, dim=-1)
    masses = (ordered.values - logits.logsumexp(dim=-1, keepdim=True)).exp_()
    upto = masses.cumsum(dim=-1)
    size = (upto - masses < top_p.unsqueeze(-1)).sum(dim=-1)
    floor = ordered.values.gather(-1, (size - 1).clamp_min(0).unsqueeze(-1)).squeeze(-1)
    wider = torch.nonzero(upto[:, -1] < top_p).flatten()
    if not sorts_all and len(wider):
        floor[wider] = _nucleus_floor(logits[wider], top_p[wider], 16 * width)
    return floor
