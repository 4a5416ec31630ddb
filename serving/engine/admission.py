"""What the client refuses before the engine hears of it."""

from __future__ import annotations

from serving.errors import ContextLengthExceeded, InvalidRequest, Overloaded
from serving.request import ModelInfo
from serving.sampling_params import SamplingParams

MIN_RETRY_MS = 200
MAX_RETRY_MS = 30_000
MAX_SALT_CHARACTERS = 1024
MAX_LABEL_CHARACTERS = 64


def check_salt(salt: str) -> None:
    """Refuse a cache salt that cannot be hashed.

    Raises:
        InvalidRequest: too long, or not valid Unicode.
    """
    if len(salt) > MAX_SALT_CHARACTERS or any("\ud800" <= c <= "\udfff" for c in salt):
        raise InvalidRequest(
            f"cache_salt must be valid Unicode of at most {MAX_SALT_CHARACTERS} characters",
            param="cache_salt",
        )


def check_label(label: str) -> None:
    """Refuse a label that could not be shown.

    Raises:
        InvalidRequest: too long, or more than printable ASCII.
    """
    if len(label) > MAX_LABEL_CHARACTERS or not (label.isascii() and label.isprintable()):
        raise InvalidRequest(
            f"label must be printable ASCII of at most {MAX_LABEL_CHARACTERS} characters",
            param="label",
        )


def check_fits(token_ids: list[int], params: SamplingParams, info: ModelInfo) -> None:
    """Refuse what can never be served.

    Raises:
        InvalidRequest: empty prompt, or a token id outside the vocabulary.
        ContextLengthExceeded: prompt and wanted tokens are more than context and cache hold.
    """
    if not token_ids:
        raise InvalidRequest("the prompt is empty; send at least one token", param="prompt")
    if min(token_ids) < 0 or max(token_ids) >= info.vocab_size:
        raise InvalidRequest(
            f"token ids must be in [0, {info.vocab_size}) for this model", param="prompt"
        )
    for name, ids in (
        ("logit_bias", params.logit_bias),
        ("stop_token_ids", params.stop_token_ids),
    ):
        if any(token_id >= info.vocab_size for token_id in ids):
            raise InvalidRequest(
                f"{name} holds a token id outside the vocabulary of {info.vocab_size}", param=name
            )
    _check_length(len(token_ids), params.max_tokens, info.max_model_len)


def _check_length(prompt: int, max_tokens: int | None, limit: int) -> None:
    least = 1 if max_tokens is None else max_tokens
    if prompt + least <= limit:
        return
    if prompt >= limit:
        raise ContextLengthExceeded(
            f"the prompt has {prompt} tokens; this server holds {limit} in all, answer included: "
            "shorten the conversation",
            param="messages",
        )
    raise ContextLengthExceeded(
        f"the prompt has {prompt} tokens and max_tokens is {max_tokens}; together they may be "
        f"{limit} at most: ask for {limit - prompt} or fewer",
        param="max_tokens",
    )


class Backlog:
    """How many requests may be under way, and when a refused one should come back."""

    def __init__(self, max_running: int, max_waiting: int) -> None:
        self._max_running = max_running
        self._limit = max_running + max_waiting
        self._mean_s = 1.0

    def finished(self, seconds: float) -> None:
        """Learn from a request that ended how long one takes."""
        self._mean_s += 0.1 * (seconds - self._mean_s)

    def check(self, under_way: int) -> None:
        """Refuse when the queue is full.

        Raises:
            Overloaded: with the time after which about one place in the batch will be free.
        """
        if under_way < self._limit:
            return
        wait_ms = int(1000 * self._mean_s / self._max_running)
        raise Overloaded(
            f"{under_way} requests are under way and the limit is {self._limit}; try again later",
            retry_after_ms=min(MAX_RETRY_MS, max(MIN_RETRY_MS, wait_ms)),
        )
