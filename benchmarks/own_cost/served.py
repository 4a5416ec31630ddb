"""The engine with its model: what HTTP takes from its throughput, what it uses when nobody asks."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil

from benchmarks.client import request_body
from benchmarks.own_cost.lean import tokens_per_second
from benchmarks.own_cost.waste import measure_waste
from benchmarks.peers.keepwarm import KeepwarmPeer
from benchmarks.summary import rate_of
from pipelines.speed.records import SilentObserver
from pipelines.speed.workload import ChatWorkload, Conversation, WorkloadSettings, chat_workload
from serving.config import EngineConfig
from serving.engine.client import ProcessEngineClient
from serving.sampling_params import SamplingParams

_STREAMS = 64
_NEW_TOKENS = 64
_ROUNDS = 3
_START_LIMIT_S = 120.0
_RUN_LIMIT_S = 300.0
_IDLE_S = 5.0
_SETTLE_S = 2.0


def measure_served(folder: Path) -> Iterator[str]:
    """Sentences with numbers, as they become known."""
    config = EngineConfig(model=str(folder))
    peer = KeepwarmPeer(folder)
    began = time.monotonic()
    with ProcessEngineClient.start(config) as engine:
        info = engine.wait_ready(timeout=_START_LIMIT_S)
        phases = ", ".join(f"{name} {took:.1f}" for name, took in info.load_seconds.items())
        yield f"ready after {time.monotonic() - began:.1f} s, of which: {phases}"
        yield f"idle engine: {_idle_share(engine.engine_pid):.2%} of a core over {_IDLE_S:.0f} s"
        try:
            peer.start(_START_LIMIT_S)
            yield from _rounds(engine, peer)
        finally:
            peer.stop()
        yield measure_waste(engine, _STREAMS)


def _rounds(engine: ProcessEngineClient, peer: KeepwarmPeer) -> Iterator[str]:
    """All in turn, each time with other questions; the first round warms up."""
    lean, loaded = [], []
    for number in range(_ROUNDS + 1):
        settings = WorkloadSettings(
            sessions=_STREAMS, turns=1, new_tokens=_NEW_TOKENS, seed=900 + number
        )
        workload = chat_workload(settings)
        inside = _in_process(engine, workload)
        by_http = tokens_per_second(peer.running.url, _bodies(peer, workload))
        result = peer.run(_another(workload), time_limit_s=_RUN_LIMIT_S, observer=SilentObserver())
        generator = rate_of(result.turns, result.wall_s)
        if number:
            lean.append(by_http / inside)
            loaded.append(generator / inside)
            yield (
                f"{_STREAMS} streams: {inside:.1f} tokens/s inside, {by_http:.1f} by HTTP,"
                f" {generator:.1f} read by the load generator"
            )
    yield f"HTTP / in-process, median of {_ROUNDS}: {statistics.median(lean):.3f}"
    yield f"read by the load generator / in-process: {statistics.median(loaded):.3f}"


def _another(workload: ChatWorkload) -> ChatWorkload:
    """With other questions: the server has none of them in its cache."""
    return chat_workload(replace(workload.settings, seed=workload.settings.seed + 100))


def _bodies(peer: KeepwarmPeer, workload: ChatWorkload) -> list[dict[str, object]]:
    """Requests for the first turns."""
    talks = (Conversation.begin(workload, script) for script in workload.scripts)
    return [request_body(peer.running, talk.ask(0), _NEW_TOKENS) for talk in talks]


def _in_process(engine: ProcessEngineClient, workload: ChatWorkload) -> float:
    """Output tokens a second of the workload's first turns, a thread for each."""

    def answer(talk: Conversation) -> int:
        prompt = engine.tokenizer.render_chat(talk.ask(0))
        sampling = SamplingParams(
            max_tokens=workload.settings.new_tokens, temperature=0.0, ignore_eos=True
        )
        stream = engine.submit(prompt, sampling, label=f"stream {talk.script.index}")
        return sum(len(output.token_ids) for output in stream)

    talks = [Conversation.begin(workload, script) for script in workload.scripts]
    began = time.perf_counter()
    with ThreadPoolExecutor(max_workers=len(talks)) as pool:
        tokens = sum(pool.map(answer, talks))
    return tokens / (time.perf_counter() - began)


def _idle_share(pid: int) -> float:
    """CPU of the engine's process when nobody asks, as a share of one core."""
    engine = psutil.Process(pid)

    def used() -> float:
        return float(sum(engine.cpu_times()[:2]))

    time.sleep(_SETTLE_S)
    before = used()
    time.sleep(_IDLE_S)
    return (used() - before) / _IDLE_S
