"""The prompt as a part of its answer: OpenAI's `echo`, and the details that the Hub's servers give.

text        |The  | cat  | sat  |    the prompt, as it was sent
offsets      0     3      7          a token begins where the one before it ends
logprobs     null  -5.1   -2.0       nothing foretells the first token
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain, repeat
from typing import Any

from container.protocols.continuation import Prompt
from container.protocols.logprobs import finite, top_by_text
from serving.request import PositionLogprobs
from serving.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class EchoedPrompt:
    """A prompt as its tokens read. `offsets` count characters of `text`."""

    text: str
    token_ids: list[int]
    tokens: list[str]
    offsets: list[int]


def echoed_prompt(prompt: Prompt, tokenizer: Tokenizer) -> EchoedPrompt:
    """The prompt in the tokens that the engine was given; special ones have a text too."""
    if isinstance(prompt, str):
        text = prompt
        token_ids, ends = tokenizer.encode_with_ends(text, add_special_tokens=True)
    else:
        text = tokenizer.decode(prompt, skip_special_tokens=False)
        token_ids, ends = tokenizer.encode_with_ends(text)
        if token_ids != prompt:  # tokens that the tokenizer itself would not choose
            token_ids, ends = prompt, _ends_of_texts(prompt, tokenizer)
    tokens = [tokenizer.token_text(token_id) for token_id in token_ids]
    return EchoedPrompt(text, token_ids, tokens, offsets=[0, *ends][:-1])


def prompt_logprobs(
    prompt: EchoedPrompt, positions: list[PositionLogprobs], tokenizer: Tokenizer
) -> dict[str, Any]:
    """`choices[].logprobs` of a completion's prompt.

    The first token has none; neither has what an answer that was cut short did not come to.
    """
    return {
        "tokens": prompt.tokens,
        "token_logprobs": _for_each(prompt, [finite(it.chosen.logprob) for it in positions]),
        "top_logprobs": _for_each(prompt, [top_by_text(it, tokenizer) for it in positions]),
        "text_offset": prompt.offsets,
    }


def prefill_details(
    prompt: EchoedPrompt, positions: list[PositionLogprobs]
) -> list[dict[str, Any]]:
    """`details.prefill` of the `inputs` format."""
    logprobs = _for_each(prompt, [finite(it.chosen.logprob) for it in positions])
    columns = zip(prompt.token_ids, prompt.tokens, logprobs, strict=True)
    return [
        {"id": token_id, "text": text, "logprob": logprob} for token_id, text, logprob in columns
    ]


def _for_each(prompt: EchoedPrompt, values: list[Any]) -> list[Any]:
    """One value a token, from the second one on; None where there is none."""
    padded = chain([None], values, repeat(None))
    return [value for value, _ in zip(padded, prompt.tokens, strict=False)]


def _ends_of_texts(token_ids: list[int], tokenizer: Tokenizer) -> list[int]:
    """Where each token ends if their own texts stand one after another."""
    return list(accumulate(len(tokenizer.token_text(token_id)) for token_id in token_ids))
