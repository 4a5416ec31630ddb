"""One step without a model, taken apart: 256 running requests, and ever more that wait.

    schedule      which tokens, in which blocks           scheduler and KV bookkeeping
    sample        states, rows and the choice of tokens   the likeliest as the kernels tell it
    update        tokens to sequences, ends, deltas
    IPC           the step's message: encode, a socket pair, decode
    detokenise    ids to text, in the client's process

The parts are the real ones; only the forward pass is missing.
"""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
import zmq
from torch import Tensor

from serving.engine.core import EngineCore
from serving.engine.messages import Outbound, Step, encoder, outbound_decoder
from serving.engine.output import OutputAssembler
from serving.kv_cache.manager import KVCacheManager
from serving.request import EngineRequest, Likeliest, TokenDelta
from serving.runner.model_runner import ModelRunner
from serving.sampling import Sampler
from serving.sampling_params import SamplingParams
from serving.scheduler.output import RunnerOutput, ScheduledChunk, SchedulerOutput
from serving.scheduler.scheduler import Scheduler
from serving.tokenizer import Tokenizer

PARTS = ("schedule", "sample", "update", "IPC", "detokenise")

_BLOCK_SIZE = 16
_PROMPT_TOKENS = 64
_WARM_UP_STEPS = 10
_MILLI = 1000.0


class Stopwatch:
    """Seconds by part, added up over a step."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Everything inside the block counts as `name`."""
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began


class _Scheduler(Scheduler):
    """The scheduler, timed."""

    watch: Stopwatch

    def schedule(self) -> SchedulerOutput:
        with self.watch.part("schedule"):
            return super().schedule()


class _Forward:
    """A step model whose logits are always the same: no two rows favour one token.

    Like the compiled kernels it knows the likeliest tokens, unless `finds_likeliest` is false.
    """

    device = torch.device("cpu")

    def __init__(self, rows: int, vocabulary: int, *, finds_likeliest: bool) -> None:
        self._logits = torch.zeros(rows, vocabulary)
        places = torch.arange(rows)
        self._logits[places, 1000 + places] = 1.0
        self.likeliest = None
        if finds_likeliest:
            self.likeliest = Likeliest([1.0] * rows, (1000 + places).tolist())

    def forward(self, chunks: list[ScheduledChunk], rows: list[int]) -> Tensor:
        return self._logits[: len(rows)]


class _Runner(ModelRunner):
    """The model runner, timed."""

    watch: Stopwatch

    def execute(self, work: SchedulerOutput) -> RunnerOutput:
        with self.watch.part("sample"):
            return super().execute(work)


class Pipe(Protocol):
    """Carries a step's message to the client."""

    def carry(self, message: Outbound) -> Outbound:
        """What comes out at the other end."""

    def close(self) -> None:
        """Take it away."""


class SocketPair:
    """Two zmq sockets of this process, in the engine's pattern."""

    def __init__(self) -> None:
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context.instance()
        self._receiver = context.socket(zmq.PULL)
        self._receiver.bind("inproc://own-cost")
        self._sender = context.socket(zmq.PUSH)
        self._sender.connect("inproc://own-cost")

    def carry(self, message: Outbound) -> Outbound:
        """Encode, send, receive, decode."""
        self._sender.send(encoder.encode(message))
        received: Outbound = outbound_decoder.decode(self._receiver.recv())
        return received

    def close(self) -> None:
        """Close both."""
        self._sender.close()
        self._receiver.close()


@dataclass(frozen=True)
class StepCost:
    """Medians over the steps, in milliseconds."""

    running: int
    waiting: int
    parts_ms: Mapping[str, float]
    step_ms: float


def measure_step(
    folder: Path,
    *,
    running: int,
    waiting: int,
    vocabulary: int,
    steps: int,
    finds_likeliest: bool = True,
) -> StepCost:
    """The cost of a decoding step with `running` sequences while `waiting` requests queue."""
    tokenizer = Tokenizer(str(folder))
    core, watch = _core(
        _Forward(running, vocabulary, finds_likeliest=finds_likeliest), running, steps
    )
    assemblers: dict[str, OutputAssembler] = {}
    for number in range(running + waiting):
        request = _request(number, steps)
        core.add(request)
        if number < running:
            assemblers[request.request_id] = OutputAssembler(
                request.request_id, request.prompt_token_ids, request.sampling, tokenizer, []
            )
    with closing(SocketPair()) as pipe:
        step = _one_step(core, watch, pipe, assemblers)
        while core.stats().running < running:
            step()
        for _ in range(_WARM_UP_STEPS):
            step()
        samples = [step() for _ in range(steps)]
    return _medians(running, waiting, samples)


def _core(model: _Forward, running: int, steps: int) -> tuple[EngineCore, Stopwatch]:
    watch = Stopwatch()
    tokens = _PROMPT_TOKENS + 2 * steps + 2 * _WARM_UP_STEPS + running
    blocks = running * (-(-tokens // _BLOCK_SIZE) + 2)
    scheduler = _Scheduler(
        KVCacheManager(blocks, _BLOCK_SIZE), max_num_seqs=running, token_budget=8192
    )
    runner = _Runner(model, Sampler())
    scheduler.watch = runner.watch = watch
    return EngineCore(scheduler, runner, eos_token_ids=[0], max_model_len=tokens), watch


def _request(number: int, steps: int) -> EngineRequest:
    """Its prompt is shared with none."""
    prompt = [1000 + (number * _PROMPT_TOKENS + place) % 40000 for place in range(_PROMPT_TOKENS)]
    sampling = SamplingParams(max_tokens=100 * steps, temperature=0.0, ignore_eos=True)
    return EngineRequest(
        request_id=f"request-{number}",
        prompt_token_ids=prompt,
        sampling=sampling,
        cache_salt=f"{number}",
    )


def _one_step(
    core: EngineCore, watch: Stopwatch, pipe: Pipe, assemblers: Mapping[str, OutputAssembler]
) -> Callable[[], dict[str, float]]:
    """A function that does one step as the engine's two processes do, and says what it took."""

    def step() -> dict[str, float]:
        watch.seconds.clear()
        began = time.perf_counter()
        deltas = core.step()
        inside = watch.seconds["schedule"] + watch.seconds["sample"]
        watch.seconds["update"] = time.perf_counter() - began - inside
        with watch.part("IPC"):
            message = pipe.carry(Step(deltas, core.stats()))
        with watch.part("detokenise"):
            _show(message, assemblers)
        return dict(watch.seconds)

    return step


def _show(message: Outbound, assemblers: Mapping[str, OutputAssembler]) -> None:
    deltas: list[TokenDelta] = message.deltas if isinstance(message, Step) else []
    for delta in deltas:
        assemblers[delta.request_id].feed(delta)


def _medians(running: int, waiting: int, samples: list[dict[str, float]]) -> StepCost:
    parts = {part: _MILLI * statistics.median(sample[part] for sample in samples) for part in PARTS}
    whole = _MILLI * statistics.median(sum(sample.values()) for sample in samples)
    return StepCost(running, waiting, parts, whole)
