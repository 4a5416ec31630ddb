"""The container's server as a child of the command."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cli.child_process import read_log, tail
from cli.errors import CliError
from cli.network import free_port, require_free
from cli.progress import Reporter

HOST = "127.0.0.1"
START_LIMIT_S = 900.0
POLL_S = 0.2
STOP_LIMIT_S = 35.0  # the server gives running answers 25 s of their own
LOG_LINES = 20


def server_command(model: Path, port: int) -> list[str]:
    """How the container's server is started outside its image."""
    return [sys.executable, "-m", "container.server", "--model", str(model), "--port", str(port)]


def server_environment(host: str) -> dict[str, str]:
    """What the server finds in its environment beside what is there."""
    return {**os.environ, "KEEPWARM_HOST": host, "HF_HUB_OFFLINE": "1"}


class ServerProcess:
    """Runs while the `with` block does; its log is shown only when it fails.

    The server has a session of its own: Ctrl-C at the terminal stops an answer, not the server.
    """

    def __init__(self, model: Path, reporter: Reporter, port: int | None = None) -> None:
        if port is not None:
            require_free(HOST, port)
        self._model = model
        self._reporter = reporter
        self._port = free_port(HOST) if port is None else port

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> ServerProcess:
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            server_command(self._model, self._port),
            env=server_environment(HOST),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._process.terminate()
            self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._reporter.say("the server did not stop by itself; it was killed")
        finally:
            self._kill_group()
            self._log.close()

    def wait_ready(self) -> None:
        """Return when `/ping` says 200.

        Raises:
            CliError: the server ended, or is not ready after 15 minutes; its log is shown.
        """
        deadline = time.monotonic() + START_LIMIT_S
        with self._reporter.task(f"Starting the server with {self._model.name}", measurable=False):
            while not self._answers_ping():
                self.check_alive()
                if time.monotonic() > deadline:
                    self._show_log()
                    raise CliError(f"the server was not ready after {START_LIMIT_S:.0f} s")
                time.sleep(POLL_S)

    def check_alive(self) -> None:
        """Raise with the log's end shown when the server has ended."""
        if (code := self._process.poll()) is None:
            return
        self._show_log()
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        raise CliError(f"the server ended ({how}); the last lines of its log are above")

    def _answers_ping(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self._port, timeout=2)
        try:
            connection.request("GET", "/ping")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _show_log(self) -> None:
        self._reporter.say(tail(read_log(self._log.fileno()), LOG_LINES))

    def _kill_group(self) -> None:
        """Whatever of the server's session is left, its engine process too."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return
        finally:
            self._process.wait()
