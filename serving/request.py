"""The nouns that cross the engine's border: what goes in, what comes out.

    client --EngineRequest--> engine --TokenDelta--> client --RequestOutput--> caller

EngineRequest and TokenDelta cross the process boundary and carry token ids only; text exists on
the client's side alone. The scheduler's own record of a request is `scheduler/sequence.py`.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

import msgspec

from serving.sampling_params import SamplingParams


class FinishReason(enum.StrEnum):
    """Why a sequence ended."""

    STOP = "stop"  # end-of-sequence token, stop token or stop string
    LENGTH = "length"  # max_tokens or the context is used up
    ABORT = "abort"  # the caller went away
    DEADLINE = "deadline"  # cut before the platform would have
    SHUTDOWN = "shutdown"  # the server's drain time ran out
    ERROR = "error"  # the engine failed; see RequestOutput.error


class EngineRequest(msgspec.Struct, frozen=True, kw_only=True, tag="request"):
    """One sequence to generate, as the engine receives it."""

    request_id: str
    prompt_token_ids: list[int]
    sampling: SamplingParams
    cache_salt: str = ""
    label: str = ""  # whose request it is, as `KVUsage` tells it; "" for nobody's


class TokenLogprob(msgspec.Struct, frozen=True, array_like=True):
    """Log-probability (natural log, before temperature) and rank (1 = most likely) of a token."""

    token_id: int
    logprob: float
    rank: int


class PositionLogprobs(msgspec.Struct, frozen=True, array_like=True):
    """Log-probabilities at one position: the chosen token and the likeliest ones.

    In a prompt the chosen token is the one that stands there.
    """

    chosen: TokenLogprob
    top: list[TokenLogprob]


class Likeliest(NamedTuple):
    """What a model found on the way, of its rows of logits from the first on.

    Attributes:
        peaks: each row's highest logit; NaN where any is.
        token_ids: whose it is; the lowest one of equals.
    """

    peaks: list[float]
    token_ids: list[int]


class SampledToken(NamedTuple):
    """A sequence's next token; `logprobs` where the request asked for them."""

    token_id: int
    logprobs: PositionLogprobs | None = None


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request's time went inside the engine, in milliseconds."""

    queue_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0


# gc=False, here and below: made for every sequence and step and part of no cycle, they would only
# make the collector run.
class TokenDelta(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="delta", gc=False
):
    """What one step gave one request. The last one has a finish reason.

    `prompt_logprobs` go on where those of the deltas before ended, each position once.
    """

    request_id: str
    token_ids: list[int] = []
    logprobs: list[PositionLogprobs] | None = None
    prompt_logprobs: list[PositionLogprobs] | None = None
    finish_reason: FinishReason | None = None
    cached_tokens: int = 0
    preemptions: int = 0
    timings: Timings | None = None
    error_code: str | None = None
    error_message: str | None = None


class Usage(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Tokens of one request so far. `cached_tokens` of the prompt were found in the KV cache."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int


class RequestOutput(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One increment of an answer, as the caller of the client sees it.

    `text` never ends in half a character nor in what may become a stop string. The last output
    of a request has `finish_reason`; its timings are then complete. The first one has all
    `prompt_logprobs` of a request that asked for them: one for each token of the prompt but its
    first, fewer only if the request ended before its prompt was computed.
    """

    request_id: str
    text: str
    token_ids: list[int]
    usage: Usage
    logprobs: list[PositionLogprobs] | None = None
    prompt_logprobs: list[PositionLogprobs] | None = None
    finish_reason: FinishReason | None = None
    timings: Timings = Timings()
    preemptions: int = 0
    error_code: str | None = None
    error_message: str | None = None

    @property
    def finished(self) -> bool:
        """Whether this is the request's last output."""
        return self.finish_reason is not None


class EngineStats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the engine, for metrics, admission and the receipt. Counters only grow."""

    running: int = 0
    waiting: int = 0
    total_blocks: int = 0
    free_blocks: int = 0
    cached_blocks: int = 0
    block_size: int = 0
    steps: int = 0
    prompt_tokens: int = 0
    cached_prompt_tokens: int = 0
    generated_tokens: int = 0
    preemptions: int = 0
    failed_steps: int = 0
    drafts: int = 0
    drafted_tokens: int = 0
    accepted_tokens: int = 0


class KVSession(msgspec.Struct, frozen=True, kw_only=True):
    """What one label has in the KV cache: the blocks that it was the last one to write or hit.

    Attributes:
        shared: those of its blocks that another label had before.
        tokens: whose keys and values its blocks hold.
        running: whether a sequence of it is in the batch now.
        age_s: seconds since it last used a block; 0 while it runs.
    """

    label: str
    blocks: int
    shared: int
    tokens: int
    running: bool
    age_s: float


class KVUsage(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot of the KV cache, in blocks.

    `total = free + cached + used`, and also `total = free + other + blocks of all sessions`.

    Attributes:
        free: hold nothing.
        cached: held by no sequence, found again by their hash: warm.
        used: held by running sequences.
        shared: of the cached and used ones, those that more than one label has had.
        sessions: the labels used last, the latest first; see `kv_cache.manager.MAX_SESSIONS`.
        other: of the cached and used ones, those of no label or of one that is not listed.
    """

    block_size: int
    total: int
    free: int
    cached: int
    used: int
    shared: int
    sessions: list[KVSession]
    other: int


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine serves, known once it is ready."""

    model_path: str
    architecture: str
    dtype: str
    device: str
    backend: str
    max_model_len: int
    vocab_size: int
    eos_token_ids: list[int]
    block_size: int
    total_blocks: int
    load_seconds: dict[str, float] = {}
