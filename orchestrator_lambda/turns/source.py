"""A backend's answer, read in a thread of its own so that nothing else ever waits for it."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass

from orchestrator_lambda.backends.interface import Backend, Generation, GenerationRequest, Item
from orchestrator_lambda.observability.spans import carried


@dataclass(frozen=True)
class Failed:
    """The generation ended without a receipt; what came before it holds."""

    error: Exception


class Source:
    """Items of one generation, in order, then nothing more."""

    def __init__(self, backend: Backend, request: GenerationRequest) -> None:
        self._backend = backend
        self._request = request
        self._items: queue.SimpleQueue[Item | Failed] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._generation: Generation | None = None
        self._closed = False
        self._thread = threading.Thread(target=carried(self._read), name="generation", daemon=True)
        self._thread.start()

    def next(self, timeout_s: float) -> Item | Failed | None:
        """The next item; None where none has come within the time."""
        try:
            return self._items.get(timeout=max(timeout_s, 0.001))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Cancel; repeatable. A generation that is only about to begin is cancelled as it does."""
        with self._lock:
            self._closed = True
            generation = self._generation
        if generation is not None:
            generation.close()

    def _read(self) -> None:
        try:
            generation = self._backend.generate(self._request)
            with self._lock:
                self._generation = generation
                closed = self._closed
            if closed:
                generation.close()
                return
            for item in generation:
                self._items.put(item)
        except Exception as error:
            self._items.put(Failed(error))
