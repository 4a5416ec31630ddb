"""What a step takes: a roofline for GPUs, and what was measured on a CPU.

No figure here was measured on a GPU. The roofline is that of `pipelines.plan.estimate`, with the
arithmetic of prompts and of attention added.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.fleet_model.device import Device
from serving.scheduler.output import ScheduledChunk


class Latency(Protocol):
    """Seconds of steps."""

    def step_s(self, chunks: Iterable[ScheduledChunk]) -> float:
        """Seconds of a step that computes `chunks`; 0 for none."""


@dataclass(frozen=True)
class Roofline:
    """The slower of memory and arithmetic, and the starts of the kernels.

    Memory: the weights once, and for each chunk the keys and values up to its end.
    Arithmetic: two operations for each weight and token, and for each pair of a token with one
    before it the products of query with key and of weight with value.
    """

    device: Device

    def step_s(self, chunks: Iterable[ScheduledChunk]) -> float:
        """Seconds of a step."""
        tokens = cached = pairs = 0
        for chunk in chunks:
            count = len(chunk.token_ids)
            end = chunk.start + count
            tokens += count
            cached += end
            pairs += count * (chunk.start + end) // 2
        if not tokens:
            return 0.0
        it = self.device
        memory = (it.weight_bytes + cached * it.kv_bytes_per_token) / it.bandwidth
        arithmetic = (tokens * it.flops_per_token + pairs * it.flops_per_pair) / it.flops
        return max(memory, arithmetic) + it.launch_s


@dataclass(frozen=True)
class MeasuredCpu:
    """The default model on two cores, by what benchmarks/README.md says was measured there.

    16 decoding sequences of 600 tokens: linear layers and head 33 ms, everything else 2, attention
    9 (over 9,600 cached tokens); a prompt's token 1.45 ms in the step that prefills it.
    """

    decode_s: float = 0.035
    cached_token_s: float = 0.009 / 9_600
    prompt_token_s: float = 0.00145

    def step_s(self, chunks: Iterable[ScheduledChunk]) -> float:
        """Seconds of a step; its decoding part is there as soon as anybody decodes."""
        total = 0.0
        decodes = False
        for chunk in chunks:
            if len(chunk.token_ids) == 1:
                decodes = True
                total += chunk.end * self.cached_token_s
            else:
                total += len(chunk.token_ids) * self.prompt_token_s
        return total + self.decode_s * decodes
