"""The fallback engine: transformers' `generate()`, one request at a time.

For what the paged engine refuses (recurrent layers, models off the attention interface). No
batching and no prefix cache, but the same sampling, streaming, abort and receipts.

    step() <--- token queue --- LogitsProcessor (our sampler chooses) <--- generate() on a thread
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel, StoppingCriteria

from serving.request import (
    EngineRequest,
    EngineStats,
    FinishReason,
    ModelInfo,
    PositionLogprobs,
    SampledToken,
    TokenDelta,
)
from serving.runner.scoring import score_budget_for
from serving.sampling import Sampler, SampleRow, SequenceSampling
from serving.sampling.logprobs import prompt_logprobs
from serving.scheduler.sequence import Sequence


class GenerateCore:
    """Serves a queue of requests in order; see `engine.core.Core`."""

    def __init__(self, model: PreTrainedModel, sampler: Sampler, info: ModelInfo) -> None:
        self._model = model
        # The checkpoint's own defaults (beams, penalties, stops) are the sampler's affair here.
        model.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]
        self._sampler = sampler
        self._info = info
        self._eos = frozenset(info.eos_token_ids)
        self._queue: OrderedDict[str, Sequence] = OrderedDict()
        self._current: _Generation | None = None
        self._steps = self._prompt_tokens = self._generated_tokens = self._failed_steps = 0

    @property
    def has_work(self) -> bool:
        """Whether a request runs or waits."""
        return bool(self._queue)

    def add(self, request: EngineRequest) -> None:
        """Queue a request."""
        self._queue[request.request_id] = Sequence(request)

    def abort(self, request_id: str) -> None:
        """Forget a request; a running one stops at its next token."""
        if self._queue.pop(request_id, None) is None or self._current is None:
            return
        if self._current.sequence.request_id == request_id:
            self._end_current()

    def step(self) -> list[TokenDelta]:
        """Give the oldest request its prompt's log-probabilities, or its next token."""
        sequence = next(iter(self._queue.values()))
        if sequence.num_unscored:
            return [self._score(sequence)]
        if sequence.request.sampling.max_tokens == 0:  # nothing is kept warm here
            return [self._finish(sequence, FinishReason.LENGTH, [])]
        generation = self._current or self._begin(sequence)
        self._steps += 1
        result = generation.next_token()
        if isinstance(result, Exception):
            return [self._fail(sequence, result)]
        return [self._append(generation, result)]

    def stats(self) -> EngineStats:
        """Queues and counters; there are no blocks."""
        running = 0 if self._current is None else 1
        return EngineStats(
            running=running,
            waiting=len(self._queue) - running,
            steps=self._steps,
            prompt_tokens=self._prompt_tokens,
            generated_tokens=self._generated_tokens,
            failed_steps=self._failed_steps,
        )

    def kv_usage(self) -> None:
        """There are no blocks to show."""

    def _score(self, sequence: Sequence) -> TokenDelta:
        self._steps += 1
        sequence.admitted_at = time.monotonic()
        try:
            scores = _score_prompt(self._model, sequence.request, self._info.vocab_size)
        except Exception as error:
            return self._fail(sequence, error)
        sequence.score(sequence.prompt_len)
        return sequence.delta([], scores)

    def _begin(self, sequence: Sequence) -> _Generation:
        sequence.admitted_at = sequence.admitted_at or time.monotonic()
        self._current = _Generation(self._model, self._sampler, sequence)
        return self._current

    def _append(self, generation: _Generation, token: SampledToken) -> TokenDelta:
        sequence = generation.sequence
        sequence.append(token.token_id)
        self._generated_tokens += 1
        reason = sequence.finish_reason(token.token_id, self._eos, self._info.max_model_len)
        if reason is not None:
            return self._finish(sequence, reason, [token])
        generation.go_on()
        return sequence.delta([token])

    def _finish(
        self, sequence: Sequence, reason: FinishReason, tokens: list[SampledToken]
    ) -> TokenDelta:
        del self._queue[sequence.request_id]
        self._end_current()
        self._prompt_tokens += sequence.prompt_len
        return sequence.final_delta(reason, tokens)

    def _fail(self, sequence: Sequence, error: Exception) -> TokenDelta:
        del self._queue[sequence.request_id]
        self._end_current()
        self._failed_steps += 1
        return sequence.failed_delta(error)

    def _end_current(self) -> None:
        if self._current is not None:
            self._current.stop()
            self._current = None


@torch.inference_mode()
def _score_prompt(
    model: PreTrainedModel, request: EngineRequest, vocab_size: int
) -> list[PositionLogprobs]:
    """Log-probabilities of the prompt's tokens, by one forward for as many as memory allows."""
    tokens = request.prompt_token_ids
    ids = torch.tensor([tokens], device=model.device)
    at_once = score_budget_for(vocab_size)
    scores: list[PositionLogprobs] = []
    for start in range(0, len(tokens) - 1, at_once):
        rows = torch.arange(start, min(start + at_once, len(tokens) - 1), device=model.device)
        logits = model(input_ids=ids, use_cache=False, logits_to_keep=rows).logits[0]
        following = tokens[start + 1 : start + 1 + len(rows)]
        scores += prompt_logprobs(logits, following, request.sampling.prompt_logprobs or 0)
    return scores


class _Generation:
    """One `generate()` call on a thread, stepped token by token."""

    def __init__(self, model: PreTrainedModel, sampler: Sampler, sequence: Sequence) -> None:
        self.sequence = sequence
        self._tokens: queue.SimpleQueue[SampledToken | Exception] = queue.SimpleQueue()
        self._permits = threading.Semaphore(0)
        self._stopped = False
        request = sequence.request
        state = SequenceSampling(request.sampling, request.prompt_token_ids)

        def choose(logits: Tensor) -> int:
            row = SampleRow(state, sequence.output_ids)
            token = sampler.sample(logits, [row])[0]
            self._tokens.put(SampledToken(token.token_id, token.logprobs))
            self._permits.acquire()
            return token.token_id

        self._thread = threading.Thread(
            target=self._run, args=(model, choose), name="generate", daemon=True
        )
        self._thread.start()

    def next_token(self) -> SampledToken | Exception:
        """The token that was chosen last, or what `generate` raised."""
        return self._tokens.get()

    def go_on(self) -> None:
        """Let it compute the next one."""
        self._permits.release()

    def stop(self) -> None:
        """End it at its present token and wait for the thread."""
        self._stopped = True
        self._permits.release()
        self._thread.join()

    def _run(self, model: PreTrainedModel, choose: Callable[[Tensor], int]) -> None:
        ids = torch.tensor([self.sequence.request.prompt_token_ids], device=model.device)
        try:
            model.generate(  # type: ignore[operator]
                input_ids=ids,
                attention_mask=torch.ones_like(ids),
                do_sample=False,
                max_new_tokens=2**20,  # ends are decided by the engine, see `stopped`
                eos_token_id=None,
                logits_processor=[_Chooser(choose)],
                stopping_criteria=[_Stopper(lambda: self._stopped)],
            )
            self._tokens.put(RuntimeError("generate() ended by itself"))
        except Exception as error:
            self._tokens.put(error)


class _Chooser(LogitsProcessor):
    """Lets our sampler choose, then leaves `generate` only that token."""

    def __init__(self, choose: Callable[[Tensor], int]) -> None:
        self._choose = choose

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        forced = torch.full_like(scores, -torch.inf)
        forced[0, self._choose(scores)] = 0.0
        return forced


class _Stopper(StoppingCriteria):
    """Ends `generate` when the engine is done with it."""

    def __init__(self, stopped: Callable[[], bool]) -> None:
        self._stopped = stopped

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        return torch.full((len(input_ids),), self._stopped(), device=input_ids.device)
