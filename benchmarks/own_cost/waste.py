"""KV slots that are held and hold no token, while many sessions chat.

Each running sequence has one block that is not full, half of it on average: the longer sequences
are, the less that is of what they hold. So it is measured over a whole chat, first turns and last.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import Future, ThreadPoolExecutor

from pipelines.speed.workload import ChatWorkload, Conversation, WorkloadSettings, chat_workload
from serving.engine.protocol import EngineClient
from serving.request import KVUsage
from serving.sampling_params import SamplingParams

_WATCH_S = 0.25
_STEP_LIMIT_S = 30.0  # the engine answers between two steps
_LEAST_RUNNING = 0.75  # of all sessions, or it is not what so many hold


def measure_waste(engine: EngineClient, sessions: int) -> str:
    """Let `sessions` chat, 4 turns of 64 new tokens each; a sentence with the shares.

    Args:
        engine: ready, and nobody else's.
        sessions: at most `kv_cache.manager.MAX_SESSIONS`, or some are not seen.
    """
    workload = chat_workload(WorkloadSettings(sessions=sessions, seed=77))
    shares: list[float] = []
    with ThreadPoolExecutor(max_workers=sessions) as pool:
        talks = [
            pool.submit(_talk, engine, workload, Conversation.begin(workload, script))
            for script in workload.scripts
        ]
        while not all(map(Future.done, talks)):
            time.sleep(_WATCH_S)
            usage = engine.kv_usage(timeout=_STEP_LIMIT_S)
            if usage is not None:
                shares.extend(waste_of(usage, max(1, int(_LEAST_RUNNING * sessions))))
        for talk in talks:
            talk.result()
    if not shares:
        return f"KV slots of {sessions} sequences: so many never ran at once"
    return (
        f"KV slots of {sessions} chatting sequences that hold no token:"
        f" {statistics.mean(shares):.1%} on average, {max(shares):.1%} at most,"
        f" {shares[-1]:.1%} at the end"
    )


def waste_of(usage: KVUsage, least_running: int) -> list[float]:
    """The share of running sessions' slots without a token; none if fewer than so many run."""
    running = [session for session in usage.sessions if session.running]
    if len(running) < least_running:
        return []
    slots = usage.block_size * sum(session.blocks for session in running)
    return [1.0 - sum(session.tokens for session in running) / slots]


def _talk(engine: EngineClient, workload: ChatWorkload, talk: Conversation) -> None:
    sampling = SamplingParams(
        max_tokens=workload.settings.new_tokens, temperature=0.0, ignore_eos=True
    )
    for turn in range(workload.settings.turns):
        prompt = engine.tokenizer.render_chat(talk.ask(turn))
        stream = engine.submit(prompt, sampling, label=f"session {talk.script.index}")
        talk.answer("".join(output.text for output in stream))
