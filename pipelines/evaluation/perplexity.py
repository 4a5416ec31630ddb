"""Perplexity over the endpoint itself, by the log-probabilities it gives for a prompt's tokens.

    {"prompt": passage, "echo": true, "logprobs": 0, "max_tokens": 0} -> [null, -2.1, -0.4, ...]

Perplexity         exp(-sum of log-probabilities / tokens): of one tokenizer only.
Bits per byte      -sum / (ln 2 * bytes): the same text, whatever the tokenizer.

Sums run over the tokens of all passages, so that a long passage counts for more. A passage's first
token has nothing before it: neither it nor its bytes count.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pipelines.errors import StagingError
from pipelines.evaluation.asking import invoke_patiently
from pipelines.evaluation.sample import Passage
from pipelines.target.interface import Target


@dataclass(frozen=True)
class Score:
    """What one passage showed.

    Attributes:
        surprise: minus the sum of natural log-probabilities of `tokens` tokens, `bytes` bytes.
        pieces: the text of every token, the first one included.
    """

    passage: str
    surprise: float
    tokens: int
    bytes: int
    pieces: tuple[str, ...]


@dataclass(frozen=True)
class Perplexity:
    """The numbers of a whole sample; `tokenizer` names the way in which it was cut."""

    perplexity: float
    bits_per_byte: float
    tokens: int
    bytes: int
    tokenizer: str
    scores: tuple[Score, ...]


def measure_perplexity(
    target: Target, passages: Sequence[Passage], done: Callable[[], None] = lambda: None
) -> Perplexity:
    """Read the passages one after another; `done` is called after each.

    Raises:
        StagingError: the endpoint fails, or gives no log-probabilities of a prompt.
    """
    scores = []
    for passage in passages:
        body = {"prompt": passage.text, "echo": True, "logprobs": 0, "max_tokens": 0}
        scores.append(score_passage(passage, invoke_patiently(target, body)))
        done()
    return combine(scores)


def score_passage(passage: Passage, answer: dict[str, Any]) -> Score:
    """One passage's sums out of the endpoint's answer.

    Raises:
        StagingError: it holds no log-probability for one of the tokens.
    """
    pieces, logprobs = _logprobs(passage, answer)
    first = pieces[0] if passage.text.startswith(pieces[0]) else ""  # not of a begin-of-text token
    for position, value in enumerate(logprobs[1:], start=1):
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise StagingError(
                f"the endpoint gives no log-probability for token {position} of {passage.name}: "
                f"{value!r}"
            )
    return Score(
        passage=passage.name,
        surprise=-math.fsum(logprobs[1:]),
        tokens=len(logprobs) - 1,
        bytes=len(passage.text.encode()) - len(first.encode()),
        pieces=tuple(pieces),
    )


def combine(scores: Sequence[Score]) -> Perplexity:
    """The sample's numbers, weighted by tokens and by bytes; infinite where a model despairs."""
    surprise = math.fsum(one.surprise for one in scores)
    tokens, size = sum(one.tokens for one in scores), sum(one.bytes for one in scores)
    cut = "\0".join(piece for one in scores for piece in (one.passage, *one.pieces))
    return Perplexity(
        perplexity=_exp(surprise / tokens),
        bits_per_byte=surprise / math.log(2) / size,
        tokens=tokens,
        bytes=size,
        tokenizer=hashlib.sha256(cut.encode()).hexdigest()[:16],
        scores=tuple(scores),
    )


def _logprobs(passage: Passage, answer: dict[str, Any]) -> tuple[list[str], list[Any]]:
    try:
        found = answer["choices"][0]["logprobs"]
        pieces, logprobs = found["tokens"], found["token_logprobs"]
        if not isinstance(pieces, list) or not isinstance(logprobs, list):
            raise TypeError("no lists")
    except (LookupError, TypeError) as error:
        raise StagingError(
            "the endpoint gives no log-probabilities of a prompt: it must answer a completion "
            'with {"echo": true, "logprobs": 0}, as this project\'s server does'
        ) from error
    if len(pieces) != len(logprobs) or len(pieces) < 2:
        raise StagingError(
            f"the endpoint gives {len(logprobs)} log-probabilities for {len(pieces)} tokens of "
            f"{passage.name}; one for each token of at least two would be right"
        )
    return [str(piece) for piece in pieces], logprobs


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
