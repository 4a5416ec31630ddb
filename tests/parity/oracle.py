"""What transformers' own `generate()` answers, and how sure it was of every token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

TIE = 1e-4
"""Below this gap of its two largest logits, fp32 rounding may choose either token."""


@dataclass(frozen=True)
class Answer:
    """Greedy continuation of a prompt.

    Attributes:
        token_ids: what `generate()` chose.
        logits: [tokens, vocabulary] float32, what it chose from.
    """

    token_ids: list[int]
    logits: Tensor

    def gap(self, position: int) -> float:
        """By how much the chosen token's logit was above the next one's."""
        first, second = self.logits[position].topk(2).values.tolist()
        return float(first - second)


USUAL = 14
"""Tokens generated at least, where the context has room: tests ask for fewer of the same prompt."""


class Oracle:
    """Greedy `generate()`, alone, one prompt at a time; answers are kept."""

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._answers: dict[tuple[int, ...], Answer] = {}

    def answer(self, prompt: list[int], count: int) -> Answer:
        """The next `count` tokens, end-of-sequence tokens being ordinary ones."""
        known = self._answers.get(tuple(prompt))
        if known is None or len(known.token_ids) < count:
            context = getattr(self._model.config, "max_position_embeddings", 1_000_000)
            known = generate(self._model, prompt, max(count, min(USUAL, context - len(prompt))))
            self._answers[tuple(prompt)] = known
        return Answer(known.token_ids[:count], known.logits[:count])


@torch.inference_mode()
def generate(model: Any, prompt: list[int], count: int, **options: Any) -> Answer:
    """One greedy call of transformers, as its users make it."""
    ids = torch.tensor([prompt])
    result: Any = model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        max_new_tokens=count,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
        **options,
    )
    logits = torch.cat(result.logits).float()
    return Answer(result.sequences[0, len(prompt) :].tolist(), logits)


@dataclass
class Comparison:
    """Compares answers of the engine with the oracle's and counts what could not be decided."""

    answers: int = 0
    ties: int = 0

    def check(self, expected: Answer, token_ids: list[int], label: str) -> None:
        """`token_ids` must be `expected`, except behind a tie.

        Raises:
            AssertionError: a token differs where the oracle was sure, or the length differs.
        """
        self.answers += 1
        assert len(token_ids) == len(expected.token_ids), (
            f"{label}: {len(token_ids)} tokens instead of {len(expected.token_ids)}"
        )
        pairs = zip(token_ids, expected.token_ids, strict=True)
        different = [place for place, (ours, theirs) in enumerate(pairs) if ours != theirs]
        if not different:
            return
        place = different[0]
        gap = expected.gap(place)
        assert gap < TIE, (
            f"{label}: token {place} is {token_ids[place]} instead of "
            f"{expected.token_ids[place]}, of which generate() was sure by {gap:.2g}"
        )
        self.ties += 1

    def finish(self) -> None:
        """Ties must be rare, or the comparison says nothing.

        Raises:
            AssertionError: nothing was compared, or more than one answer in twenty was a tie.
        """
        assert self.answers > 0
        assert self.ties * 20 <= self.answers, f"{self.ties} ties among {self.answers} answers"
