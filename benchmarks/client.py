"""The load generator: a chat workload against any OpenAI-compatible URL.

One asyncio task for each session, one kept-alive connection each, one thread in all. Times are
taken when bytes reach this process, before they are parsed. What measuring costs is recorded
beside the results (`client_cpu_s`), since peer and client share one machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2

from benchmarks.errors import StreamBroken
from benchmarks.records import Outcome, RunObserver, SilentObserver, TurnRecord
from benchmarks.sse import DONE, EventDecoder, error_message, parse_event
from benchmarks.workload import ChatWorkload, Conversation, Message, SessionScript

CONNECT_TIMEOUT_S = 30.0


@dataclass(frozen=True, kw_only=True)
class ServerTarget:
    """Where to send requests and which liberties the server takes with the protocol.

    Attributes:
        url: base address, without `/v1`.
        model: name to ask for.
        ignore_eos: whether the server knows the field `ignore_eos`. One that does not must serve
            a model whose end-of-sequence token never comes.
        stall_timeout_s: an answer without a byte for so long has failed.
    """

    url: str
    model: str
    ignore_eos: bool = True
    stall_timeout_s: float = 600.0


@dataclass(frozen=True)
class LoadResult:
    """What the load generator saw: turns sorted by session and turn, wall and own CPU seconds."""

    turns: tuple[TurnRecord, ...]
    wall_s: float
    client_cpu_s: float


def measure(
    target: ServerTarget,
    workload: ChatWorkload,
    *,
    time_limit_s: float,
    observer: RunObserver | None = None,
) -> LoadResult:
    """Run `workload` against `target`; turns under way at the time limit are cut and kept."""
    return asyncio.run(_measure(target, workload, time_limit_s, observer or SilentObserver()))


async def _measure(
    target: ServerTarget, workload: ChatWorkload, time_limit_s: float, observer: RunObserver
) -> LoadResult:
    timeout = httpx2.Timeout(target.stall_timeout_s, connect=CONNECT_TIMEOUT_S)
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx2.AsyncClient(
        base_url=target.url,
        headers={"Accept-Encoding": "identity"},
        timeout=timeout,
        limits=limits,
        trust_env=False,
    ) as http:
        load = _Load(http, target, workload, observer)
        cpu_start = time.process_time()
        await load.run(time_limit_s)
        cpu_s = time.process_time() - cpu_start
    turns = tuple(sorted(load.turns, key=lambda turn: (turn.session, turn.turn)))
    wall = max((turn.finished_s for turn in turns), default=0.0)
    return LoadResult(turns, wall, cpu_s)


@dataclass
class _Probe:
    """Gathers one answer while it streams."""

    clock: Callable[[], float]
    observer: RunObserver
    sent_s: float = 0.0
    event_times_s: list[float] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    finished: bool = False

    def take(self, data: str, arrived_s: float) -> None:
        """Digest the data of one event."""
        if data == DONE:
            self.finished = True
            return
        event = parse_event(data)
        if isinstance(event.get("usage"), dict):
            self.usage = event["usage"]
        for choice in event.get("choices") or ():
            self._take_choice(choice, arrived_s)

    def _take_choice(self, choice: object, arrived_s: float) -> None:
        delta = choice.get("delta") or {} if isinstance(choice, dict) else None
        if not isinstance(choice, dict) or not isinstance(delta, dict):
            raise StreamBroken("an event holds a choice that is not a chat completion's delta")
        piece = delta.get("content")
        if isinstance(piece, str) and piece:
            self.pieces.append(piece)
            self.event_times_s.append(arrived_s)
            self.observer.tokens_arrived(1)
        if choice.get("finish_reason"):
            self.finished = True

    def record(
        self, session: int, turn: int, outcome: Outcome, error: str | None = None
    ) -> TurnRecord:
        """The finished record; without a usable `usage`, events stand for tokens."""
        counted = _count(self.usage, "completion_tokens")
        return TurnRecord(
            session=session,
            turn=turn,
            sent_s=self.sent_s,
            event_times_s=tuple(self.event_times_s),
            finished_s=self.clock(),
            output_tokens=len(self.event_times_s) if counted is None else counted,
            counted_by_server=counted is not None,
            text="".join(self.pieces),
            outcome=outcome,
            prompt_tokens=_count(self.usage, "prompt_tokens"),
            cached_tokens=_count(self.usage.get("prompt_tokens_details"), "cached_tokens"),
            error=error,
        )


class _Load:
    """All sessions of one run, sharing a clock that starts with them."""

    def __init__(
        self,
        http: httpx2.AsyncClient,
        target: ServerTarget,
        workload: ChatWorkload,
        observer: RunObserver,
    ) -> None:
        self._http = http
        self._target = target
        self._workload = workload
        self._observer = observer
        self._epoch = time.perf_counter()
        self.turns: list[TurnRecord] = []

    def _clock(self) -> float:
        return time.perf_counter() - self._epoch

    async def run(self, time_limit_s: float) -> None:
        """Every session to its end, or until the limit."""
        self._epoch = time.perf_counter()
        try:
            async with asyncio.timeout(time_limit_s), asyncio.TaskGroup() as group:
                for script in self._workload.scripts:
                    group.create_task(self._session(script))
        except TimeoutError:
            return  # the turns under way have recorded themselves as cut

    async def _session(self, script: SessionScript) -> None:
        """The turns of one session; it ends at its first failed turn, having no history to send."""
        settings = self._workload.settings
        conversation = Conversation.begin(self._workload, script)
        for turn in range(settings.turns):
            if turn and settings.think_seconds:
                await asyncio.sleep(settings.think_seconds)
            record = await self._turn(script.index, turn, conversation.ask(turn))
            if record.outcome is not Outcome.COMPLETE:
                return
            conversation.answer(record.text)

    async def _turn(self, session: int, turn: int, messages: list[Message]) -> TurnRecord:
        probe = _Probe(self._clock, self._observer)
        outcome, sentence = Outcome.CUT, None
        try:
            await self._stream(probe, messages)
            outcome = Outcome.COMPLETE
        except (StreamBroken, httpx2.HTTPError) as error:
            outcome, sentence = Outcome.ERROR, f"{type(error).__name__}: {error}"
        finally:
            record = probe.record(session, turn, outcome, sentence)
            self.turns.append(record)
            self._observer.turn_ended()
        return record

    async def _stream(self, probe: _Probe, messages: list[Message]) -> None:
        body = _request_body(self._target, messages, self._workload.settings.new_tokens)
        probe.sent_s = self._clock()
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != httpx2.codes.OK:
                raise StreamBroken(_refusal(response.status_code, await response.aread()))
            async for data, arrived_s in self._events(response):
                probe.take(data, arrived_s)
        if not probe.finished:
            raise StreamBroken("the stream ended without a finish reason")

    async def _events(self, response: httpx2.Response) -> AsyncIterator[tuple[str, float]]:
        """Data of each event with the time at which its last byte arrived."""
        decoder = EventDecoder()
        async for chunk in response.aiter_bytes():
            arrived_s = self._clock()
            for data in decoder.feed(chunk):
                yield data, arrived_s


def _request_body(
    target: ServerTarget, messages: list[Message], new_tokens: int
) -> dict[str, object]:
    body: dict[str, object] = {
        "model": target.model,
        "messages": messages,
        "max_tokens": new_tokens,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if target.ignore_eos:
        body["ignore_eos"] = True
    return body


def _refusal(status: int, body: bytes) -> str:
    """One sentence out of an error response, whichever of the usual shapes it has."""
    try:
        payload = httpx2.Response(status, content=body).json()
    except ValueError:
        payload = None
    detail = payload.get("error") or payload.get("detail") if isinstance(payload, dict) else None
    return f"HTTP {status}" + (f": {error_message(detail)}" if detail else "")


def _count(mapping: object, name: str) -> int | None:
    """A non-negative integer out of `usage`, None for anything else."""
    value = mapping.get(name) if isinstance(mapping, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
