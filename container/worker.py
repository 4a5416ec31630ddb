"""The gunicorn worker that owns the engine: it drains before it stops."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from types import FrameType
from typing import Any

from flask import Flask
from gunicorn.http.errors import ParseException
from gunicorn.util import write_nonblock
from gunicorn.workers.gthread import ThreadWorker

from container.malformed import answer_to_malformed
from container.runtime import Runtime

START_FAILED = 3  # gunicorn's own code for a worker that could not boot: the server stops


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """A thread worker that keeps answering (503 to new work, /ping too) while requests end.

    Gunicorn's own worker stops listening at once on SIGTERM: a request sent in that moment would
    meet a closed port instead of an answer.
    """

    def init_process(self) -> None:
        """Run until told to stop; the start of the model begins with the first loop."""
        self._drain = threading.Thread(target=self._drain_then_exit, name="keepwarm-drain")
        self._drain.daemon = True
        super().init_process()

    def load_wsgi(self) -> None:
        """Make the application, and begin to load the model."""
        super().load_wsgi()
        self.runtime.lifecycle.start(self._stop_server)

    @property
    def runtime(self) -> Runtime:
        """The runtime behind the application."""
        app: Flask = self.wsgi
        runtime: Runtime = app.extensions["keepwarm"]
        return runtime

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: begin to drain; a second one changes nothing."""
        if self.alive and self._drain.ident is None:
            self._drain.start()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        """Answer what the parser refused as every other bad input is answered."""
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        self.log.info("no valid HTTP request: %s", type(exc).__name__)
        with suppress(OSError):  # nobody is there any more
            write_nonblock(client, answer_to_malformed(exc))

    def is_parent_alive(self) -> bool:
        """Whether the server's first process is there; without it nobody would end this one."""
        alive: bool = super().is_parent_alive()
        if not alive:
            self.alive = False  # connections that are only kept alive do not hold it up
            self.runtime.lifecycle.stop_now()
        return alive

    def _drain_then_exit(self) -> None:
        self.runtime.lifecycle.drain()
        super().handle_exit(0, None)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGINT and SIGQUIT: end what runs at once."""
        self.runtime.lifecycle.stop_now()
        super().handle_quit(sig, frame)

    def _stop_server(self) -> None:
        """End worker and server: the model could not be started. Called from any thread."""
        self.method_queue.defer(sys.exit, START_FAILED)
