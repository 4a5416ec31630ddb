"""What the scheduler hands the runner, and what the runner hands back: plain records."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from serving.request import PositionLogprobs, SampledToken
from serving.sampling_params import SamplingParams


class ScheduledChunk(msgspec.Struct, frozen=True, gc=False):
    """The part of one sequence that this step computes.

    A struct and no dataclass: it is made for every sequence and step, in a fifth of the time.

    Attributes:
        token_ids: the tokens to compute, in order; the guessed ones of `drafted` at the end.
        start: position of the first of them; all tokens before it are in the cache.
        block_ids: the sequence's block table; covers `start + len(token_ids)` tokens.
        samples: whether the step yields a next token for it (its last token is computed): then
            it yields one behind each drafted token, too.
        prompt_token_ids, output_token_ids: all tokens so far, for penalties; not to be changed.
        scored: positions, inside the chunk, whose logits tell the log-probability of the prompt's
            next token; none unless the request wants those of its prompt.
        drafted: guesses at how the sequence goes on, none of them a token of it yet.
    """

    request_id: str
    token_ids: list[int]
    start: int
    block_ids: list[int]
    samples: bool
    sampling: SamplingParams
    prompt_token_ids: list[int]
    output_token_ids: list[int]
    scored: range = range(0)
    drafted: tuple[int, ...] = ()

    @property
    def end(self) -> int:
        """Tokens in the cache once the step is done, guessed ones included."""
        return self.start + len(self.token_ids)


@dataclass(frozen=True, slots=True)
class SchedulerOutput:
    """One step's work."""

    chunks: list[ScheduledChunk]
    finished_ids: list[str] = field(default_factory=list)  # since the last step: state to drop

    @property
    def num_tokens(self) -> int:
        """Tokens the step computes."""
        return sum(len(chunk.token_ids) for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class RunnerOutput:
    """The next tokens of each chunk with `samples`, and what was `scored`, by request id.

    Of a chunk that drafted, those guesses that came true and the token behind them: see
    `speculative.verify.accept`. Of any other, one token.

    An entry of `prompt_logprobs` is that of the token after the scored position.
    """

    sampled: dict[str, list[SampledToken]]
    prompt_logprobs: dict[str, list[PositionLogprobs]] = field(default_factory=dict)
