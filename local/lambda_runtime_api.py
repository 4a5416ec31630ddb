"""The Lambda Runtime API of one execution environment, on loopback.

    runtime --GET  /runtime/invocation/next-----------> waits for an invocation
    runtime --POST /runtime/invocation/ID/response----> whole, or in chunks with trailers
    runtime --POST /runtime/invocation/ID/error-------> the invocation failed
    runtime --POST /runtime/init/error----------------> the environment is of no use
    runtime --GET  /runtime/restore/next--------------> waits for the restore of a snapshot
    runtime --POST /runtime/restore/error-------------> the restored environment is of no use

Like the real one it holds the runtime to its turn: an answer to another invocation, a second answer
and a `next` before the answer are refused.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from http.server import ThreadingHTTPServer

from local.lambda_invocation import Failed, Invocation
from local.lambda_runtime_handler import RuntimeApiHandler

LOOPBACK = "127.0.0.1"
INVOKED_ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


class RuntimeApi(ThreadingHTTPServer):
    """Listens for one runtime process; a context manager that serves on a thread while open.

    Args:
        function_name: in the ARN that each invocation carries.
        on_idle: called when the runtime asks for an invocation: it is ready, or ready again.
    """

    daemon_threads = True

    def __init__(self, function_name: str, on_idle: Callable[[], None] = lambda: None) -> None:
        self.arn = f"{INVOKED_ARN}{function_name}"
        self._on_idle = on_idle
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Invocation | None] = queue.SimpleQueue()
        self.current: Invocation | None = None
        self.idle = False
        self.restored = threading.Event()
        self.init_error: Failed | None = None
        self.drop_response_after: int | None = None
        super().__init__((LOOPBACK, 0), RuntimeApiHandler)

    @property
    def address(self) -> str:
        """What the runtime gets as AWS_LAMBDA_RUNTIME_API."""
        return f"{LOOPBACK}:{self.server_address[1]}"

    def submit(self, invocation: Invocation) -> None:
        """Give the runtime its next invocation; a snapshot is restored for it."""
        with self._lock:
            self.current = invocation
        self.restored.set()
        self._waiting.put(invocation)

    def take(self) -> Invocation | None:
        """The next invocation, as the runtime gets it; None when the environment goes."""
        self.idle = True
        self._on_idle()
        invocation = self._waiting.get()
        self.idle = False
        return invocation

    def owes_answer(self) -> bool:
        """Whether the runtime has an invocation that it has not answered."""
        current = self.current
        return current is not None and current.deadline is not None and not current.answered

    def fail(self, failure: Failed) -> None:
        """The environment can answer no more."""
        with self._lock:
            current = self.current
        if current is not None and not current.answered:
            current.note(failure)

    def close(self) -> None:
        """End the waiting calls and stop listening."""
        self.restored.set()
        self._waiting.put(None)
        self.shutdown()
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A runtime that dies in mid-call is no news: its environment reports it."""

    def __enter__(self) -> RuntimeApi:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()
