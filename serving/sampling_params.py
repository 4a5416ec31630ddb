"""How one request wants its tokens chosen, validated when it is made."""

from __future__ import annotations

import msgspec

from serving.errors import InvalidRequest

MAX_LOGPROBS = 20
MAX_STOP_STRINGS = 16
MAX_SEED = 2**63 - 1
MAX_COUNT = 2**31 - 1


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Sampling settings of one sequence. `n > 1` is expanded above the engine.

    Attributes:
        max_tokens: new tokens at most; 0 prefills only (a warm hint); None means all that fit.
        temperature: 0 is greedy.
        top_k: 0 keeps all.
        logprobs: None for none, else how many alternatives beside the chosen token (0..20).
        prompt_logprobs: likewise for the prompt's tokens, all but the first. The whole prompt is
            then computed, whatever is cached.
        seed: makes sampling repeatable, alone or in a batch; None draws from the shared generator.
        stop: strings that end the text and are not part of it.
        stop_token_ids: token ids that end the sequence, beside the model's own.
        ignore_eos: keep going past the model's end-of-sequence tokens.

    Raises:
        InvalidRequest: a value is out of range; `param` names it.
    """

    max_tokens: int | None = None
    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None
    logit_bias: dict[int, float] = {}
    logprobs: int | None = None
    prompt_logprobs: int | None = None
    stop: tuple[str, ...] = ()
    stop_token_ids: tuple[int, ...] = ()
    ignore_eos: bool = False

    def __post_init__(self) -> None:
        if self.max_tokens is not None:
            _check_range("max_tokens", self.max_tokens, 0, MAX_COUNT)
        _check_range("temperature", self.temperature, 0.0, 100.0)
        _check_range("top_k", self.top_k, 0, 2**63 - 1)
        _check_range("top_p", self.top_p, 0.0, 1.0, low_open=True)
        _check_range("min_p", self.min_p, 0.0, 1.0)
        _check_range("repetition_penalty", self.repetition_penalty, 0.0, 100.0, low_open=True)
        _check_range("presence_penalty", self.presence_penalty, -2.0, 2.0)
        _check_range("frequency_penalty", self.frequency_penalty, -2.0, 2.0)
        if self.seed is not None:
            _check_range("seed", self.seed, -MAX_SEED - 1, MAX_SEED)
        if self.logprobs is not None:
            _check_range("logprobs", self.logprobs, 0, MAX_LOGPROBS)
        if self.prompt_logprobs is not None:
            _check_range("prompt_logprobs", self.prompt_logprobs, 0, MAX_LOGPROBS)
        for token_id, bias in self.logit_bias.items():
            _check_range("logit_bias", token_id, 0, MAX_COUNT)
            _check_range("logit_bias", bias, -100.0, 100.0)
        self._check_stops()

    def _check_stops(self) -> None:
        if len(self.stop) > MAX_STOP_STRINGS:
            raise InvalidRequest(
                f"stop takes at most {MAX_STOP_STRINGS} strings, got {len(self.stop)}", param="stop"
            )
        if any(not text for text in self.stop):
            raise InvalidRequest("stop must not hold an empty string", param="stop")
        if any(token_id < 0 for token_id in self.stop_token_ids):
            raise InvalidRequest("stop_token_ids must not be negative", param="stop_token_ids")

    @property
    def is_greedy(self) -> bool:
        """Whether the most likely token is always taken."""
        return self.temperature == 0.0

    @property
    def has_penalties(self) -> bool:
        """Whether earlier tokens change the logits."""
        return (
            self.repetition_penalty != 1.0
            or self.presence_penalty != 0.0
            or self.frequency_penalty != 0.0
        )


def _check_range(
    name: str, value: float, low: float, high: float, *, low_open: bool = False
) -> None:
    """Refuse NaN, infinities and values outside [low, high] (or (low, high])."""
    above = value > low if low_open else value >= low
    if above and value <= high:  # false for NaN
        return
    bracket = "(" if low_open else "["
    # JSON may hold whole numbers of thousands of digits, which Python would not even print.
    got = repr(value) if isinstance(value, float) or abs(value) <= MAX_SEED else "a larger number"
    raise InvalidRequest(f"{name} must be in {bracket}{low:g}, {high:g}], got {got}", param=name)
