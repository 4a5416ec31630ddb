"""What the scheduler hands the runner, and what the runner hands back: plain records."""

from __future__ import annotations

from dataclasses import dataclass, field

from serving.request import PositionLogprobs, SampledToken
from serving.sampling_params import SamplingParams


@dataclass(frozen=True, slots=True)
class ScheduledChunk:
    """The part of one sequence that this step computes.

    Attributes:
        token_ids: the tokens to compute, in order.
        start: position of the first of them; all tokens before it are in the cache.
        block_ids: the sequence's block table; covers `start + len(token_ids)` tokens.
        samples: whether the step yields a next token for it (its last token is computed).
        prompt_token_ids, output_token_ids: all tokens so far, for penalties; not to be changed.
        scored: positions, inside the chunk, whose logits tell the log-probability of the prompt's
            next token; none unless the request wants those of its prompt.
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

    @property
    def end(self) -> int:
        """Tokens in the cache once the step is done."""
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
    """The next token of each chunk with `samples`, and what was `scored`, by request id.

    An entry of `prompt_logprobs` is that of the token after the scored position.
    """

    sampled: dict[str, SampledToken]
    prompt_logprobs: dict[str, list[PositionLogprobs]] = field(default_factory=dict)
