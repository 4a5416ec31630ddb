"""The load generator of the pipeline: a chat workload against a `Target`, a thread a session.

Times are taken when bytes reach this process, before they are parsed. Threads, because boto3's
streams block; what they cost is recorded beside the results (`client_cpu_s`).
"""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from pipelines.speed.errors import StreamBroken, StreamTruncated
from pipelines.speed.probe import Probe
from pipelines.speed.records import LoadResult, Outcome, RunObserver, SilentObserver, TurnRecord
from pipelines.speed.sse import EventDecoder
from pipelines.speed.workload import ChatWorkload, Conversation, Message, SessionScript
from pipelines.target.errors import Interrupted, TargetError
from pipelines.target.interface import Body, Target


def run_load(
    target: Target,
    workload: ChatWorkload,
    *,
    time_limit_s: float,
    observer: RunObserver | None = None,
) -> LoadResult:
    """Run all sessions at once; turns under way at the time limit are cut and kept.

    A turn that waits for bytes is cut when the next ones come, or its target's patience ends.
    """
    load = _Load(target, workload, observer or SilentObserver(), time_limit_s)
    began = time.process_time()
    with ThreadPoolExecutor(max_workers=len(workload.scripts)) as pool:
        sessions = [pool.submit(load.session, script) for script in workload.scripts]
    for session in sessions:
        session.result()
    turns = tuple(sorted(load.turns, key=lambda turn: (turn.session, turn.turn)))
    wall = max((turn.finished_s for turn in turns), default=0.0)
    return LoadResult(turns, wall, time.process_time() - began)


def request_body(messages: list[Message], new_tokens: int) -> Body:
    """A greedy answer of exactly so many tokens, streamed, with its usage."""
    return {
        "messages": messages,
        "max_tokens": new_tokens,
        "temperature": 0.0,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


class _TimeIsUp(Exception):
    """The run's time limit came while an answer streamed."""


class _Load:
    """All sessions of one run, sharing a clock that starts with them."""

    def __init__(
        self, target: Target, workload: ChatWorkload, observer: RunObserver, time_limit_s: float
    ) -> None:
        self._target = target
        self._workload = workload
        self._observer = _Locked(observer)
        self._time_limit_s = time_limit_s
        self._epoch = time.perf_counter()
        self.turns: list[TurnRecord] = []

    def _clock(self) -> float:
        return time.perf_counter() - self._epoch

    def session(self, script: SessionScript) -> None:
        """The turns of one session; it ends at its first failed turn, having no history to send."""
        settings = self._workload.settings
        conversation = Conversation.begin(self._workload, script)
        for turn in range(settings.turns):
            if turn and settings.think_seconds:
                time.sleep(settings.think_seconds)
            if self._clock() >= self._time_limit_s:
                return
            record = self._turn(script.index, turn, conversation.ask(turn))
            if record.outcome is not Outcome.COMPLETE:
                return
            conversation.answer(record.text)

    def _turn(self, session: int, turn: int, messages: list[Message]) -> TurnRecord:
        probe = Probe(self._clock, self._observer)
        outcome, sentence = Outcome.COMPLETE, None
        try:
            self._stream(probe, messages)
        except _TimeIsUp:
            outcome = Outcome.CUT
        except (StreamTruncated, Interrupted) as error:
            outcome, sentence = Outcome.TRUNCATED, str(error)
        except (StreamBroken, TargetError) as error:
            outcome, sentence = Outcome.ERROR, str(error)
        record = probe.record(session, turn, outcome, sentence)
        self.turns.append(record)
        self._observer.turn_ended()
        return record

    def _stream(self, probe: Probe, messages: list[Message]) -> None:
        decoder = EventDecoder()
        probe.sent_s = self._clock()
        body = request_body(messages, self._workload.settings.new_tokens)
        with closing(self._target.stream(body)) as pieces:
            for piece in pieces:
                arrived_s = self._clock()
                for data in decoder.feed(piece):
                    probe.take(data, arrived_s)
                if arrived_s >= self._time_limit_s and not probe.finished:
                    raise _TimeIsUp
        if not probe.finished:
            raise StreamTruncated("the stream ended without a finish reason")
        probe.require_receipt()


class _Locked:
    """Calls of many threads, one at a time."""

    def __init__(self, observer: RunObserver) -> None:
        self._observer = observer
        self._lock = threading.Lock()

    def tokens_arrived(self, count: int) -> None:
        with self._lock:
            self._observer.tokens_arrived(count)

    def turn_ended(self) -> None:
        with self._lock:
            self._observer.turn_ended()
