"""Log-probabilities in the two shapes of OpenAI's formats."""

from __future__ import annotations

import math
from typing import Any

from serving.request import PositionLogprobs, TokenLogprob
from serving.tokenizer import Tokenizer

LEAST_LOGPROB = -9999.0  # JSON has no -Infinity; OpenAI writes this for it
REPLACEMENT = "\ufffd"


def chat_logprobs(positions: list[PositionLogprobs], tokenizer: Tokenizer) -> dict[str, Any]:
    """`choices[].logprobs` of a chat completion."""
    content = []
    for position in positions:
        entry = _chat_token(position.chosen, tokenizer)
        entry["top_logprobs"] = [_chat_token(token, tokenizer) for token in position.top]
        content.append(entry)
    return {"content": content, "refusal": None}


def completion_logprobs(
    positions: list[PositionLogprobs], tokenizer: Tokenizer, text_offset: int
) -> dict[str, Any]:
    """`choices[].logprobs` of a completion; offsets count characters of the tokens' texts."""
    tokens = [tokenizer.token_text(position.chosen.token_id) for position in positions]
    offsets = []
    for token in tokens:
        offsets.append(text_offset)
        text_offset += len(token)
    return {
        "tokens": tokens,
        "token_logprobs": [finite(position.chosen.logprob) for position in positions],
        "top_logprobs": [top_by_text(position, tokenizer) for position in positions],
        "text_offset": offsets,
    }


def finite(logprob: float) -> float:
    """The value, or the least one that is written when it is no finite number."""
    return logprob if math.isfinite(logprob) else LEAST_LOGPROB


def _chat_token(token: TokenLogprob, tokenizer: Tokenizer) -> dict[str, Any]:
    """One token. Its bytes are unknown when it is a part of a character."""
    text = tokenizer.token_text(token.token_id)
    return {
        "token": text,
        "logprob": finite(token.logprob),
        "bytes": None if REPLACEMENT in text else list(text.encode()),
    }


def top_by_text(position: PositionLogprobs, tokenizer: Tokenizer) -> dict[str, float]:
    """The likeliest tokens and the chosen one; of equal texts the likelier stays."""
    top: dict[str, float] = {}
    for token in [*position.top, position.chosen]:
        top.setdefault(tokenizer.token_text(token.token_id), finite(token.logprob))
    return top
