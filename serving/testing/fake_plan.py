"""What a fake engine decides at submission: the script, the faults, the warm prefix."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from serving.request import FinishReason
from serving.sampling_params import SamplingParams
from serving.testing.byte_tokenizer import ByteTokenizer

BLOCK_SIZE = 16
MAX_WARM_PREFIXES = 4096


@dataclass(frozen=True, kw_only=True)
class FakeFaults:
    """What goes wrong, and after how many generated tokens of a request. None: never.

    Attributes:
        fail_after: the request alone ends with GenerationFailed.
        die_after: the whole engine dies, and all its streams with it.
        stall_after: nothing more comes, though the state stays as it was.
    """

    fail_after: int | None = None
    die_after: int | None = None
    stall_after: int | None = None


@dataclass(frozen=True, kw_only=True)
class FakePlan:
    """Everything a stream will do, decided when it was submitted. Times are in seconds.

    Attributes:
        token_ids: what is generated, one id an output.
        finish_reason: why it ends after the last of them.
        first_token_s: from submission to the first token.
        token_s: between tokens.
        deadline: `time.monotonic()` at which it is cut.
        logprobs: alternatives beside each token; None for no log-probabilities.
        prompt_logprobs: likewise for the tokens of the prompt, all but the first.
    """

    prompt_token_ids: list[int]
    token_ids: list[int]
    finish_reason: FinishReason
    cached_tokens: int = 0
    first_token_s: float = 0.0
    token_s: float = 0.0
    deadline: float | None = None
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    faults: FakeFaults = field(default_factory=FakeFaults)


def script(
    text: str, params: SamplingParams, limit: int, tokenizer: ByteTokenizer
) -> tuple[list[int], FinishReason]:
    """The ids that answer with `text`, and why they end: stop strings, stop ids or `limit`."""
    ends = [text.find(stop) for stop in params.stop if stop in text]
    token_ids = tokenizer.encode(text[: min(ends)] if ends else text)
    if params.ignore_eos and not ends and token_ids:
        repeated = token_ids * (limit // len(token_ids) + 1)
        return repeated[:limit], FinishReason.LENGTH
    stops = (at for at, token_id in enumerate(token_ids) if token_id in params.stop_token_ids)
    token_ids = token_ids[: next(stops, len(token_ids))]
    if len(token_ids) > limit or limit == 0:
        return token_ids[:limit], FinishReason.LENGTH
    return token_ids, FinishReason.STOP


class WarmPrefixes:
    """A pretended prefix cache: which whole blocks of which prompts were seen, by salt."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[str, bytes], None] = OrderedDict()

    def match(self, salt: str, token_ids: list[int]) -> int:
        """Tokens of the prompt found warm: whole blocks, and never the prompt's last token."""
        cached = 0
        while cached + BLOCK_SIZE < len(token_ids):
            if _prefix_key(salt, token_ids[: cached + BLOCK_SIZE]) not in self._seen:
                break
            cached += BLOCK_SIZE
        return cached

    def remember(self, salt: str, token_ids: list[int]) -> None:
        """Keep every whole-block prefix; the least recently used are forgotten."""
        for end in range(BLOCK_SIZE, len(token_ids) + 1, BLOCK_SIZE):
            key = _prefix_key(salt, token_ids[:end])
            self._seen[key] = None
            self._seen.move_to_end(key)
        while len(self._seen) > MAX_WARM_PREFIXES:
            self._seen.popitem(last=False)


def _prefix_key(salt: str, token_ids: list[int]) -> tuple[str, bytes]:
    return salt, b"".join(token_id.to_bytes(2, "big") for token_id in token_ids)
