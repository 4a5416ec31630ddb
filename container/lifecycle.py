"""The server's life: what /ping says, when work is taken, how it ends.

loading --engine ready--> warm --first tokens--> serving --SIGTERM--> draining
   `------ failed <--------'
"""

from __future__ import annotations

import enum
import logging
import threading
import time
from collections.abc import Callable

from container.admission import Admission
from container.handler import Handler
from container.logs import log_failure
from serving.engine.protocol import EngineClient, EngineState
from serving.errors import EngineDead, EngineDraining, EngineUnavailable, KeepwarmError
from serving.sampling_params import SamplingParams

log = logging.getLogger("keepwarm.lifecycle")

POLL_S = 0.05
END_S = 2.0
LOADING_RETRY_MS = 1000
WARMUP_PROMPT = "The quick brown fox jumps over the lazy dog."


class Phase(enum.StrEnum):
    """Where the server is in its life."""

    LOADING = "loading"
    WARM = "warm"
    SERVING = "serving"
    DRAINING = "draining"
    FAILED = "failed"


class Lifecycle:
    """Loads the model, opens the door, closes it again.

    Args:
        handler: has the model, and the engine if there is one.
        admission: knows what runs.
        warmup_tokens: tokens to generate before the door opens.
        drain_s: seconds that running requests get at the end.
    """

    def __init__(
        self, handler: Handler, admission: Admission, *, warmup_tokens: int, drain_s: float
    ) -> None:
        self.phase = Phase.LOADING
        self._reason = "the model is loading"
        self._handler = handler
        self._admission = admission
        self._warmup_tokens = warmup_tokens
        self._drain_s = drain_s
        self._draining = threading.Event()

    def start(self, on_failure: Callable[[], None]) -> None:
        """Load and warm up on a thread of its own; `on_failure` is called if that fails."""
        threading.Thread(
            target=self._start, args=(on_failure,), name="keepwarm-start", daemon=True
        ).start()

    def _start(self, on_failure: Callable[[], None]) -> None:
        started = time.monotonic()
        try:
            self._handler.load()
            engine = self._handler.engine
            if engine is not None:
                self._wait_ready(engine)
                self._warm_up(engine)
        except (Exception, SystemExit) as error:  # the reason must be told whatever it is
            self._fail(error)
            on_failure()
            return
        self._enter(Phase.SERVING, "")
        log.info("serving after %.1f s", time.monotonic() - started)

    def _wait_ready(self, engine: EngineClient) -> None:
        while engine.state is not EngineState.READY and not self._draining.is_set():
            if engine.state is EngineState.DEAD:
                raise EngineDead(engine.failure or "the engine ended while it was loading")
            time.sleep(POLL_S)

    def _warm_up(self, engine: EngineClient) -> None:
        """Generate once, so that the first request does not pay for what is set up lazily."""
        if not self._warmup_tokens or self._draining.is_set():
            return
        self._enter(Phase.WARM, "the model is warming up")
        params = SamplingParams(max_tokens=self._warmup_tokens, temperature=0.0, ignore_eos=True)
        with engine.submit(WARMUP_PROMPT, params) as stream:
            for _ in stream:
                pass

    def _fail(self, error: BaseException) -> None:
        message = error.message if isinstance(error, KeepwarmError) else str(error)
        self._enter(Phase.FAILED, f"the start failed: {message}")
        log_failure(log, f"the start failed: {message}", error)

    def _enter(self, phase: Phase, reason: str) -> None:
        """Change the phase; draining is final."""
        if self.phase is not Phase.DRAINING:
            self.phase, self._reason = phase, reason

    def trouble(self) -> str | None:
        """Why no request can be served now; None when one can."""
        if self.phase is not Phase.SERVING:
            return f"{self.phase}: {self._reason}"
        engine = self._handler.engine
        if engine is None or engine.state is EngineState.READY:
            return None
        if engine.state is EngineState.STALLED:
            return "stalled: the engine's loop has stopped turning"
        return f"{Phase.FAILED}: {engine.failure or 'the engine is dead'}"

    def check_open(self) -> None:
        """Let a request pass if it can be served.

        A stalled engine is let pass: it may only be slow, and the request has its deadline.

        Raises:
            EngineUnavailable: loading or failed.
            EngineDraining: shutting down.
            EngineDead: the engine ended.
        """
        if self.phase is Phase.DRAINING:
            raise EngineDraining("the server is shutting down; send the request again elsewhere")
        if self.phase is not Phase.SERVING:
            raise EngineUnavailable(self._reason, retry_after_ms=LOADING_RETRY_MS)
        engine = self._handler.engine
        if engine is not None and engine.state is EngineState.DEAD:
            raise EngineDead(engine.failure or "the engine is dead")

    def drain(self) -> None:
        """Take no new work, let what runs end, then end it. Returns when nothing runs."""
        self._enter(Phase.DRAINING, "the server is shutting down")
        self._draining.set()
        started = time.monotonic()
        engine = self._handler.engine
        if engine is not None:
            engine.drain()
        log.info("draining %d requests", self._admission.active)
        finished = self._admission.wait_empty(self._drain_s)
        if engine is not None:
            engine.shutdown(0.0)
        if not finished:
            self._admission.wait_empty(END_S)
        log.info(
            "drained in %.1f s, %d requests cut",
            time.monotonic() - started,
            self._admission.active,
        )

    def stop_now(self) -> None:
        """End everything without waiting, as for an interrupt from the keyboard."""
        self._enter(Phase.DRAINING, "the server is shutting down")
        self._draining.set()
        if self._handler.engine is not None:
            self._handler.engine.shutdown(0.0)
