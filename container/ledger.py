"""What one answer came to: written output by output, read by the receipt, the log, the metrics."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from serving.request import FinishReason, PositionLogprobs, RequestOutput, Timings, Usage

NO_USAGE = Usage(prompt_tokens=0, completion_tokens=0, cached_tokens=0)

# The least ordinary end of several: what a receipt says about an answer with many choices.
GRAVITY = (
    FinishReason.STOP,
    FinishReason.LENGTH,
    FinishReason.ABORT,
    FinishReason.DEADLINE,
    FinishReason.SHUTDOWN,
    FinishReason.ERROR,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One output of one of a request's sequences; `index` is the choice it belongs to."""

    index: int
    output: RequestOutput


@dataclass(slots=True)
class Choice:
    """One answer so far."""

    index: int
    texts: list[str] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[PositionLogprobs] = field(default_factory=list)
    prompt_logprobs: list[PositionLogprobs] = field(default_factory=list)
    usage: Usage = NO_USAGE
    timings: Timings = field(default_factory=Timings)
    preemptions: int = 0
    finish_reason: FinishReason | None = None

    @property
    def text(self) -> str:
        """The whole text so far."""
        return "".join(self.texts)

    def add(self, output: RequestOutput) -> None:
        """Append one output."""
        if output.text:
            self.texts.append(output.text)
        self.token_ids.extend(output.token_ids)
        self.logprobs.extend(output.logprobs or ())
        self.prompt_logprobs.extend(output.prompt_logprobs or ())
        self.usage = output.usage
        self.timings = output.timings
        self.preemptions = output.preemptions
        self.finish_reason = output.finish_reason


class Ledger:
    """The choices of one answer, and when its tokens came.

    Attributes:
        answers_per_prompt: n of the request: so many choices share one prompt's tokens.
        error_code: code of the error that ended the answer, None for a whole one.
        on_interval: told the seconds between two outputs of a choice and the tokens of the later.
    """

    def __init__(self, started: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.started = started
        self.answers_per_prompt = 1
        self.error_code: str | None = None
        self.on_interval: Callable[[float, int], None] | None = None
        self.ttft_s: float | None = None
        self._clock = clock
        self._choices: dict[int, Choice] = {}
        self._last_output: dict[int, float] = {}

    @property
    def choices(self) -> list[Choice]:
        """The choices, by index."""
        return [self._choices[index] for index in sorted(self._choices)]

    def choice(self, index: int) -> Choice:
        """The choice of that index, begun if need be."""
        return self._choices.setdefault(index, Choice(index))

    def note(self, piece: Piece) -> None:
        """Write down one output."""
        self.choice(piece.index).add(piece.output)
        if piece.output.token_ids or piece.output.text:
            self._note_time(piece.index, len(piece.output.token_ids))

    def _note_time(self, index: int, tokens: int) -> None:
        now = self._clock()
        if self.ttft_s is None:
            self.ttft_s = now - self.started
        previous = self._last_output.get(index)
        if previous is not None and self.on_interval is not None and tokens:
            self.on_interval(now - previous, tokens)
        self._last_output[index] = now

    @property
    def elapsed_s(self) -> float:
        """Seconds since the request arrived."""
        return self._clock() - self.started

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why the answer ended; of several choices the least ordinary reason."""
        reasons = [choice.finish_reason for choice in self._choices.values()]
        known = [reason for reason in reasons if reason is not None]
        return max(known, key=GRAVITY.index, default=None)

    @property
    def usage(self) -> Usage:
        """Tokens of the whole answer; a prompt answered n times counts once."""
        choices = self.choices
        firsts = [choice for choice in choices if choice.index % self.answers_per_prompt == 0]
        return Usage(
            prompt_tokens=sum(choice.usage.prompt_tokens for choice in firsts),
            completion_tokens=sum(choice.usage.completion_tokens for choice in choices),
            cached_tokens=sum(choice.usage.cached_tokens for choice in firsts),
        )

    @property
    def timings(self) -> Timings:
        """The longest of each time among the choices."""
        all_timings = [choice.timings for choice in self._choices.values()] or [Timings()]
        return Timings(
            queue_ms=max(timings.queue_ms for timings in all_timings),
            prefill_ms=max(timings.prefill_ms for timings in all_timings),
            decode_ms=max(timings.decode_ms for timings in all_timings),
        )
