"""Builds the engine's core from a checkpoint and runs requests through it, step by step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from serving.config import CacheConfig, EngineConfig, SchedulerConfig
from serving.engine.build import build_core
from serving.engine.core import Core
from serving.request import (
    EngineRequest,
    FinishReason,
    ModelInfo,
    PositionLogprobs,
    TokenDelta,
)
from serving.sampling_params import SamplingParams

MOST_STEPS = 20_000


@dataclass
class Result:
    """All that the engine said of one request."""

    token_ids: list[int] = field(default_factory=list)
    logprobs: list[PositionLogprobs] = field(default_factory=list)
    prompt_logprobs: list[PositionLogprobs] = field(default_factory=list)
    finish_reason: FinishReason | None = None
    cached_tokens: int = 0
    preemptions: int = 0
    error_code: str | None = None

    def take(self, delta: TokenDelta) -> None:
        """Add one delta."""
        assert self.finish_reason is None, f"{delta.request_id} spoke after its end"
        self.token_ids.extend(delta.token_ids)
        self.logprobs.extend(delta.logprobs or [])
        self.prompt_logprobs.extend(delta.prompt_logprobs or [])
        self.finish_reason = delta.finish_reason
        self.cached_tokens = delta.cached_tokens
        self.preemptions = delta.preemptions
        self.error_code = delta.error_code


@dataclass(frozen=True)
class Arrival:
    """A request and the step before which it arrives."""

    request: EngineRequest
    step: int = 0


def engine(
    folder: Path,
    *,
    backend: str = "paged",
    dtype: str = "auto",
    attention: str = "auto",
    kernels: str = "auto",
    quantization: str = "auto",
    cache: dict[str, Any] | None = None,
    **scheduler: Any,
) -> tuple[Core, ModelInfo]:
    """A core with the given settings; 64 blocks of 16 unless `cache` says otherwise."""
    config = EngineConfig(
        model=str(folder),
        backend=backend,
        dtype=dtype,
        device="cpu",
        attention=attention,
        kernels=kernels,
        quantization=quantization,
        num_threads=1,
        cache=CacheConfig(**({"num_blocks": 64, "block_size": 16} | (cache or {}))),
        scheduler=SchedulerConfig(**scheduler),
    )
    return build_core(config, lambda phase: None)


def greedy(
    name: str, prompt: list[int], count: int | None, *, salt: str = "", **sampling: Any
) -> EngineRequest:
    """A greedy request for exactly `count` tokens, whatever they are."""
    params = {"temperature": 0.0, "max_tokens": count, "ignore_eos": True} | sampling
    return EngineRequest(
        request_id=name,
        prompt_token_ids=prompt,
        sampling=SamplingParams(**params),
        cache_salt=salt,
    )


def run(core: Core, arrivals: Iterable[Arrival | EngineRequest]) -> dict[str, Result]:
    """Step until all is answered; results by request id. Every block must come back."""
    pending = [item if isinstance(item, Arrival) else Arrival(item) for item in arrivals]
    pending.sort(key=lambda arrival: arrival.step)
    results = {arrival.request.request_id: Result() for arrival in pending}
    assert len(results) == len(pending), "request ids must differ"
    step = 0
    while pending or core.has_work:
        while pending and (pending[0].step <= step or not core.has_work):
            core.add(pending.pop(0).request)
        for delta in core.step():
            results[delta.request_id].take(delta)
        step += 1
        assert step < MOST_STEPS, "the engine does not come to an end"
    unfinished = [name for name, result in results.items() if result.finish_reason is None]
    assert not unfinished, f"no last word on {unfinished}"
    stats = core.stats()
    assert (stats.running, stats.waiting) == (0, 0)
    assert stats.free_blocks == stats.total_blocks, "blocks were lost"
    return results
