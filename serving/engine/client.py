"""The client of one engine, whatever carries its messages; see `protocol.EngineClient`."""

from __future__ import annotations

import itertools
import os
import threading
import time
from typing import Self

from serving.config import EngineConfig, SchedulerConfig
from serving.engine.admission import Backlog, check_fits, check_label, check_salt
from serving.engine.inquiry import Inquiry
from serving.engine.messages import (
    Abort,
    Failed,
    Heartbeat,
    Loading,
    Outbound,
    Ready,
    Step,
    TellKVUsage,
)
from serving.engine.output import OutputAssembler
from serving.engine.protocol import EngineState
from serving.engine.stream import Stream
from serving.engine.transcript import TranscriptCache
from serving.engine.transport import ProcessTransport, Transport
from serving.errors import EngineDead, EngineDraining, EngineUnavailable, InvalidRequest
from serving.request import EngineRequest, EngineStats, FinishReason, KVUsage, ModelInfo
from serving.sampling_params import SamplingParams
from serving.tokenizer import Tokenizer

SILENT_AFTER_S = 5.0  # heartbeats come every second


class Client:
    """Submits requests over a transport, assembles their text, notices the engine's end."""

    def __init__(
        self,
        transport: Transport,
        tokenizer: Tokenizer,
        scheduler: SchedulerConfig,
        *,
        stall_after_s: float = 60.0,
        hears_heartbeats: bool = False,
    ) -> None:
        self._transport = transport
        self._tokenizer = tokenizer
        self._transcripts = TranscriptCache(tokenizer)
        self._backlog = Backlog(scheduler.max_num_seqs, scheduler.max_waiting)
        self._stall_after_s = stall_after_s
        self._hears_heartbeats = hears_heartbeats
        self._lock = threading.Lock()
        self._streams: dict[str, Stream] = {}
        self._names = itertools.count()
        self._in_use: set[str] = set()
        self._prompts: dict[str, tuple[str, str]] = {}
        self._info: ModelInfo | None = None
        self._stats = EngineStats()
        self._kv_usage = Inquiry(transport.send)
        self._failure: str | None = None
        self._draining = False
        self._closed = False
        self._heard_at = time.monotonic()
        self._busy_s = 0.0
        self.loading_phase = "starting"
        transport.start(self._on_message, self._on_end)

    @property
    def tokenizer(self) -> Tokenizer:
        """The checkpoint's tokenizer."""
        return self._tokenizer

    @property
    def model_info(self) -> ModelInfo:
        """See EngineClient.model_info."""
        if self._info is None:
            raise self._not_ready()
        return self._info

    @property
    def failure(self) -> str | None:
        """See EngineClient.failure."""
        return self._failure

    @property
    def state(self) -> EngineState:
        """See EngineClient.state. Stalled: silent, or one step has lasted too long."""
        if self._failure is not None:
            return EngineState.DEAD
        if self._hears_heartbeats:
            silent = time.monotonic() - self._heard_at > SILENT_AFTER_S
            if silent or self._busy_s > self._stall_after_s:
                return EngineState.STALLED
        return EngineState.LOADING if self._info is None else EngineState.READY

    def submit(
        self,
        prompt: str | list[int],
        params: SamplingParams,
        *,
        request_id: str | None = None,
        cache_salt: str = "",
        deadline: float | None = None,
        label: str = "",
    ) -> Stream:
        """See EngineClient.submit."""
        info = self.model_info
        check_salt(cache_salt)
        check_label(label)
        token_ids = (
            self._transcripts.encode(prompt, cache_salt) if isinstance(prompt, str) else prompt
        )
        check_fits(token_ids, params, info)
        key = f"{os.getpid():x}-{next(self._names):x}"
        name = request_id or f"req-{key}"
        eos = [] if params.ignore_eos else info.eos_token_ids
        assembler = OutputAssembler(name, token_ids, params, self._tokenizer, eos)
        stream = Stream(key, assembler, deadline=deadline, on_close=self._on_close)
        with self._lock:
            self._check_accepting()
            if name in self._in_use:
                raise InvalidRequest(f"request id {name!r} is in use", param="request_id")
            self._backlog.check(len(self._streams))
            self._streams[key] = stream
            self._in_use.add(name)
            if isinstance(prompt, str):
                self._prompts[key] = (prompt, cache_salt)
        request = EngineRequest(
            request_id=key,
            prompt_token_ids=token_ids,
            sampling=params,
            cache_salt=cache_salt,
            label=label,
        )
        try:
            self._transport.send(request)
        except BaseException:
            self._forget(stream)
            raise
        self._fail_if_dead(stream)
        return stream

    def stats(self) -> EngineStats:
        """See EngineClient.stats."""
        return self._stats

    def kv_usage(self, timeout: float = 1.0) -> KVUsage | None:
        """See EngineClient.kv_usage."""
        if self._info is None or self._failure is not None:
            raise self._not_ready()
        return self._kv_usage.get(timeout)

    def drain(self) -> None:
        """See EngineClient.drain."""
        self._draining = True

    def shutdown(self, timeout: float = 0.0) -> None:
        """See EngineClient.shutdown. Harmless when repeated."""
        with self._lock:  # whoever submits is either ended below or refused
            self._draining = True
        end = time.monotonic() + timeout
        while self._live() and time.monotonic() < end and self._failure is None:
            time.sleep(0.02)
        for stream in self._live():
            stream.end(FinishReason.SHUTDOWN)
        if not self._closed:
            self._closed = True
            self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()

    def _live(self) -> list[Stream]:
        with self._lock:
            return list(self._streams.values())

    def _check_accepting(self) -> None:
        if self._failure is not None:
            raise EngineDead(self._failure)
        if self._draining:
            raise EngineDraining("the server is shutting down; send the request to another one")

    def _not_ready(self) -> EngineUnavailable:
        if self._failure is not None:
            return EngineDead(self._failure)
        return EngineUnavailable(
            f"the model is still loading ({self.loading_phase})", retry_after_ms=1000
        )

    def _on_message(self, message: Outbound) -> None:
        self._heard_at = time.monotonic()
        match message:
            case Step(deltas, stats):
                self._stats = stats
                self._busy_s = 0.0
                for delta in deltas:
                    stream = self._streams.get(delta.request_id)
                    if stream is not None:
                        stream.feed(delta)
            case TellKVUsage(usage):
                self._kv_usage.answer(usage)
            case Heartbeat(busy_s):
                self._busy_s = busy_s
            case Loading(phase):
                self.loading_phase = phase
            case Ready(info):
                self._info = info
            case Failed(_, text):
                self._failure = text

    def _on_end(self, how: str) -> None:
        """The engine is gone: everything under way ends with a typed error."""
        self._kv_usage.end()
        if self._closed:
            return
        self._failure = self._failure or how
        for stream in self._live():
            self._fail_if_dead(stream)

    def _fail_if_dead(self, stream: Stream) -> None:
        if self._failure is not None:
            stream.end(FinishReason.ERROR, error_code=EngineDead.code, message=self._failure)

    def _on_close(self, stream: Stream, abort: bool) -> None:
        """A stream has its last output: forget it, and keep its tokens for the next turn."""
        prompt = self._forget(stream)
        if abort:
            self._transport.send(Abort([stream.key]))
        else:
            self._backlog.finished(time.monotonic() - stream.started_at)
        if prompt is not None:
            self._remember(stream.assembler, *prompt)

    def _forget(self, stream: Stream) -> tuple[str, str] | None:
        """Take a stream off the books; its prompt text and salt, if it had a text."""
        with self._lock:
            self._streams.pop(stream.key, None)
            self._in_use.discard(stream.request_id)
            return self._prompts.pop(stream.key, None)

    def _remember(self, assembler: OutputAssembler, prompt_text: str, salt: str) -> None:
        self._transcripts.remember(
            prompt_text,
            assembler.prompt_token_ids,
            assembler.text,
            assembler.answer_token_ids,
            salt,
        )


class ProcessEngineClient(Client):
    """The engine in a process of its own: a long step never delays HTTP, a crash is seen."""

    @classmethod
    def start(cls, config: EngineConfig) -> ProcessEngineClient:
        """Start the engine's process and return at once; `state` becomes READY later.

        Raises:
            ConfigError, UnsupportedModel: the folder cannot be a model; found before the start.
        """
        from serving.checkpoint import check_folder

        check_folder(config.model)
        transport = ProcessTransport(config)  # loads the weights while the tokenizer loads here
        try:
            tokenizer = Tokenizer(config.model)
        except BaseException:
            transport.close()
            raise
        client = cls(
            transport,
            tokenizer,
            config.scheduler,
            stall_after_s=config.stall_after_s,
            hears_heartbeats=True,
        )
        client.engine_pid = transport.pid
        return client

    engine_pid: int = 0

    def wait_ready(self, timeout: float) -> ModelInfo:
        """Wait until the engine takes requests.

        Raises:
            EngineDead: it failed to start; the message says why.
            EngineUnavailable: it is not ready after `timeout` seconds.
        """
        end = time.monotonic() + timeout
        while self.state is not EngineState.READY and time.monotonic() < end:
            if self._failure is not None:
                break
            time.sleep(0.02)
        return self.model_info
