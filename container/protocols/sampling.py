"""The sampling fields that OpenAI's two formats share, read into SamplingParams."""

from __future__ import annotations

from typing import Any

from container.protocols.fields import Fields
from serving.errors import InvalidRequest
from serving.sampling_params import SamplingParams

MAX_ID_DIGITS = 10  # more are no token id, and of thousands Python would make no number


def read_sampling(
    fields: Fields,
    *,
    max_tokens: int | None,
    logprobs: int | None,
    prompt_logprobs: int | None = None,
) -> SamplingParams:
    """Sampling settings with OpenAI's defaults, and the extensions of open-source servers."""
    return SamplingParams(
        max_tokens=max_tokens,
        logprobs=logprobs,
        prompt_logprobs=prompt_logprobs,
        temperature=fields.number("temperature", 1.0),
        top_p=fields.number("top_p", 1.0),
        top_k=_top_k(fields),
        min_p=fields.number("min_p", 0.0),
        repetition_penalty=fields.number("repetition_penalty", 1.0),
        presence_penalty=fields.number("presence_penalty", 0.0),
        frequency_penalty=fields.number("frequency_penalty", 0.0),
        seed=fields.integer("seed"),
        logit_bias=_logit_bias(fields),
        stop=fields.strings("stop"),
        stop_token_ids=fields.integers("stop_token_ids"),
        ignore_eos=fields.boolean("ignore_eos"),
    )


def _top_k(fields: Fields) -> int:
    """-1, which other servers write for 'all', means 0."""
    top_k = fields.integer("top_k", 0) or 0
    return 0 if top_k == -1 else top_k


def _logit_bias(fields: Fields) -> dict[int, float]:
    """OpenAI's object of token ids, written as strings, to biases."""
    biases: dict[int, float] = {}
    for key, value in fields.mapping("logit_bias").items():
        biases[_token_id(fields, key)] = _bias(fields, value)
    return biases


def _token_id(fields: Fields, key: str) -> int:
    if not key.isascii() or not key.isdecimal() or len(key) > MAX_ID_DIGITS:
        raise InvalidRequest(
            f"the keys of logit_bias must be token ids such as '50256', got {key[:20]!r}",
            param=fields.param("logit_bias"),
        )
    return int(key)


def _bias(fields: Fields, value: Any) -> float:
    if type(value) not in (int, float):
        raise InvalidRequest(
            "the values of logit_bias must be numbers", param=fields.param("logit_bias")
        )
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        raise InvalidRequest(
            "the values of logit_bias must be in [-100, 100]", param=fields.param("logit_bias")
        ) from None
