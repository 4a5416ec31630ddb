"""Steps of the real engine, taken apart: the kernels' own clock inside, ours around them.

schedule   which tokens, in which blocks
pack       lists to tensors, rotary angles, the call             inside `forward`, beside kernels
linear     qkv + output + mlp + head                            the kernels' clock
attention, rows (embedding, norms, rotation, cache writes)      the kernels' clock
sample     the choice of tokens
update     tokens to sequences, deltas
tell       the step's message, encoded and decoded
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serving.engine.core import EngineCore
from serving.engine.messages import Step, encoder, outbound_decoder
from serving.native.library import PHASES
from serving.native.model import NativeModel
from serving.request import EngineRequest
from serving.runner.model_runner import ModelRunner
from serving.sampling_params import SamplingParams
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput
from serving.scheduler.scheduler import Scheduler

LINEAR = ("qkv", "output", "mlp", "head")
PARTS = ("schedule", "pack", *PHASES, "sample", "update", "tell")

_MILLI = 1000.0
_NEW_TOKENS = 400


@dataclass(frozen=True)
class StepProfile:
    """Medians over some steps of one kind, milliseconds."""

    kind: str
    tokens: int
    parts_ms: Mapping[str, float]
    step_ms: float

    @property
    def linear_ms(self) -> float:
        """All linear layers, the head included."""
        return sum(self.parts_ms[name] for name in LINEAR)


class Engine:
    """A core whose every step says what it took; built around one that exists.

    Args:
        core: with the native kernels.
        scheduler, runner: its parts.
        model: what the runner drives.
    """

    def __init__(
        self, core: EngineCore, scheduler: Scheduler, runner: ModelRunner, model: NativeModel
    ) -> None:
        self._core = core
        self._scheduler = scheduler
        self._runner = runner
        self._model = model
        self._names = 0

    def add(self, prompt: Sequence[int]) -> str:
        """Queue a prompt; its name."""
        self._names += 1
        name = f"profile-{self._names}"
        sampling = SamplingParams(max_tokens=_NEW_TOKENS, temperature=0.0, ignore_eos=True)
        self._core.add(
            EngineRequest(request_id=name, prompt_token_ids=list(prompt), sampling=sampling)
        )
        return name

    def end(self, names: Sequence[str]) -> None:
        """Forget those requests."""
        for name in names:
            self._core.abort(name)

    def step(self) -> tuple[int, dict[str, float]]:
        """One step: its tokens, and the seconds of its parts."""
        clock = _Clock()
        with _watched(self._scheduler, self._runner, self._model, clock):
            self._model.start_clock()
            began = time.perf_counter()
            deltas = self._core.step()
            whole = time.perf_counter() - began
        phases = self._model.phase_seconds()
        parts = {**phases, "schedule": clock.schedule, "sample": clock.execute - clock.forward}
        parts["pack"] = clock.forward - sum(phases.values())
        parts["update"] = whole - clock.schedule - clock.execute
        began = time.perf_counter()
        outbound_decoder.decode(encoder.encode(Step(deltas, self._core.stats())))
        parts["tell"] = time.perf_counter() - began
        return clock.tokens, parts


@dataclass
class _Clock:
    schedule: float = 0.0
    execute: float = 0.0
    forward: float = 0.0
    tokens: int = 0


class _watched:
    """Times three methods of live objects while the block runs, then leaves them as they were."""

    def __init__(
        self, scheduler: Scheduler, runner: ModelRunner, model: NativeModel, clock: _Clock
    ) -> None:
        self._objects: tuple[Any, ...] = (scheduler, runner, model)
        self._clock = clock

    def __enter__(self) -> None:
        scheduler, runner, model = self._objects
        schedule, execute, forward = scheduler.schedule, runner.execute, model.forward
        clock = self._clock

        def timed_schedule() -> SchedulerOutput:
            began = time.perf_counter()
            work: SchedulerOutput = schedule()
            clock.schedule, clock.tokens = time.perf_counter() - began, work.num_tokens
            return work

        def timed_execute(work: SchedulerOutput) -> RunnerOutput:
            began = time.perf_counter()
            result: RunnerOutput = execute(work)
            clock.execute = time.perf_counter() - began
            return result

        def timed_forward(chunks: list[ScheduledChunk], rows: list[int]) -> Any:
            began = time.perf_counter()
            logits = forward(chunks, rows)
            clock.forward = time.perf_counter() - began
            return logits

        scheduler.schedule, runner.execute = timed_schedule, timed_execute
        model.forward = timed_forward

    def __exit__(self, *exc_info: object) -> None:
        scheduler, runner, model = self._objects
        del scheduler.schedule, runner.execute, model.forward


def summarise(kind: str, samples: Sequence[tuple[int, Mapping[str, float]]]) -> StepProfile:
    """Medians of the steps' parts."""
    parts = {
        part: _MILLI * statistics.median(sample[part] for _, sample in samples) for part in PARTS
    }
    whole = _MILLI * statistics.median(sum(sample.values()) for _, sample in samples)
    return StepProfile(kind, int(statistics.median(n for n, _ in samples)), parts, whole)
