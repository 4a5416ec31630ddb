"""The load generator: a chat workload against any OpenAI-compatible URL.

One asyncio task for each session, one kept-alive connection each, one thread in all. Times are
taken when bytes reach this process, before they are parsed. What measuring costs is recorded
beside the results (`client_cpu_s`), since peer and client share one machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2

from pipelines.speed.errors import StreamBroken
from pipelines.speed.probe import Probe
from pipelines.speed.records import (
    LoadResult,
    Outcome,
    RunObserver,
    SilentObserver,
    TurnRecord,
)
from pipelines.speed.sse import EventDecoder, error_message
from pipelines.speed.workload import ChatWorkload, Conversation, Message, SessionScript

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
        self._silent = {script.index for script in workload.scripts if not script.late}
        self._all_began = asyncio.Event()

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
        if script.late:
            await self._all_began.wait()
        conversation = Conversation.begin(self._workload, script)
        for turn in range(settings.turns):
            if turn and settings.think_seconds:
                await asyncio.sleep(settings.think_seconds)
            record = await self._turn(script.index, turn, conversation.ask(turn))
            if record.outcome is not Outcome.COMPLETE:
                return
            conversation.answer(record.text)

    async def _turn(self, session: int, turn: int, messages: list[Message]) -> TurnRecord:
        probe = Probe(self._clock, self._observer)
        outcome, sentence = Outcome.CUT, None
        try:
            await self._stream(probe, messages, session)
            outcome = Outcome.COMPLETE
        except (StreamBroken, httpx2.HTTPError) as error:
            outcome, sentence = Outcome.ERROR, f"{type(error).__name__}: {error}"
        finally:
            record = probe.record(session, turn, outcome, sentence)
            self.turns.append(record)
            self._observer.turn_ended()
            self._note_beginning(session)
        return record

    def _note_beginning(self, session: int) -> None:
        """A session's answer has begun, or will not: late ones may wait for it no longer."""
        self._silent.discard(session)
        if not self._silent:
            self._all_began.set()

    async def _stream(self, probe: Probe, messages: list[Message], session: int) -> None:
        body = request_body(self._target, messages, self._workload.settings.new_tokens)
        probe.sent_s = self._clock()
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            if response.status_code != httpx2.codes.OK:
                raise StreamBroken(_refusal(response.status_code, await response.aread()))
            async for data, arrived_s in self._events(response):
                probe.take(data, arrived_s)
                if session in self._silent and probe.event_times_s:
                    self._note_beginning(session)
        if not probe.finished:
            raise StreamBroken("the stream ended without a finish reason")

    async def _events(self, response: httpx2.Response) -> AsyncIterator[tuple[str, float]]:
        """Data of each event with the time at which its last byte arrived."""
        decoder = EventDecoder()
        async for chunk in response.aiter_bytes():
            arrived_s = self._clock()
            for data in decoder.feed(chunk):
                yield data, arrived_s


def request_body(
    target: ServerTarget, messages: list[Message], new_tokens: int
) -> dict[str, object]:
    """A request for a streamed answer of so many tokens, greedy."""
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
