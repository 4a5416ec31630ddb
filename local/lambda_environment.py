"""One execution environment: a runtime process, its Runtime API, and the watch over both."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from local.lambda_invocation import Failed, Invocation
from local.lambda_runtime_api import RuntimeApi

WATCH_INTERVAL_S = 0.05
STOP_SECONDS = 2.0
PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "TMPDIR")


@dataclass(frozen=True, kw_only=True)
class FunctionSettings:
    """A function, and how its environments are run.

    Attributes:
        handler: `_HANDLER`, as module.function.
        root: the unpacked zip; working directory and first place of imports.
        command: starts the runtime.
        env: the function's variables; nothing of this process's environment goes along but what
            finding programs takes.
        timeout_s: an invocation is ended after it, with its environment.
        max_environments: as many invocations at a time; the next one is throttled.
        idle_s: an environment without work goes after it.
        snap_start: environments wait for a restore between init and first invocation.
        log: where the runtime's output goes; None: where this process's goes.
        traced: X-Ray samples every invocation; the daemon is the one that `env` names.
    """

    handler: str
    root: Path
    command: Sequence[str] = (sys.executable, "-m", "orchestrator_lambda.runtime")
    env: Mapping[str, str] = field(default_factory=dict)
    name: str = "keepwarm-orchestrator"
    memory_mb: int = 1024
    timeout_s: float = 900.0
    max_environments: int = 32
    idle_s: float = 300.0
    snap_start: bool = False
    log: Path | None = None
    traced: bool = False


class Environment:
    """Runs one invocation at a time, as Lambda's do.

    Args:
        on_idle: called when it is ready for an invocation, each time.
        on_end: called once when it is gone.
    """

    def __init__(
        self,
        settings: FunctionSettings,
        *,
        on_idle: Callable[[Environment], None] = lambda environment: None,
        on_end: Callable[[Environment], None] = lambda environment: None,
    ) -> None:
        self._settings = settings
        self._on_end = on_end
        self._stopping = False
        self.idle_since = time.monotonic()
        self._api = RuntimeApi(settings.name, lambda: self._became_idle(on_idle))
        self._api.__enter__()
        self._process = self._start()
        threading.Thread(target=self._watch, daemon=True).start()

    @property
    def pid(self) -> int:
        """The runtime's process."""
        return self._process.pid

    @property
    def api(self) -> RuntimeApi:
        """Its Runtime API."""
        return self._api

    @property
    def alive(self) -> bool:
        """Whether the runtime runs."""
        return self._process.poll() is None

    def invoke(self, invocation: Invocation) -> None:
        """Give it an invocation; it must be idle, or new."""
        self._api.submit(invocation)
        if not self.alive:
            self._api.fail(self._exit_failure())

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self._signal(signal.SIGKILL)

    def stop(self) -> None:
        """End it as Lambda does: SIGTERM, then soon SIGKILL; returns when it is gone."""
        self._stopping = True
        self._signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.wait()

    def wait(self, timeout: float) -> int:
        """The runtime's exit code, once it has ended."""
        return self._process.wait(timeout)

    def _became_idle(self, on_idle: Callable[[Environment], None]) -> None:
        self.idle_since = time.monotonic()
        on_idle(self)

    def _start(self) -> subprocess.Popen[bytes]:
        log = self._settings.log
        with log.open("ab") if log else contextlib.nullcontext() as output:
            return subprocess.Popen(
                list(self._settings.command),
                cwd=self._settings.root,
                env=runtime_environment(self._settings, self._api.address),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )

    def _watch(self) -> None:
        """Until the process ends: keep invocations to their time."""
        while True:
            try:
                self._process.wait(WATCH_INTERVAL_S)
                break
            except subprocess.TimeoutExpired:
                self._end_overdue()
        self._api.fail(self._exit_failure())
        self._api.close()
        self._on_end(self)

    def _end_overdue(self) -> None:
        current = self._api.current
        if current is not None and current.overdue and not self._api.idle:
            seconds = self._settings.timeout_s
            self._api.fail(
                Failed("Sandbox.Timedout", f"Task timed out after {seconds:.2f} seconds")
            )
            self.kill()

    def _exit_failure(self) -> Failed:
        if self._api.init_error is not None:
            return self._api.init_error
        code = self._process.poll()
        how = "exit status" if code is None or code >= 0 else "signal"
        return Failed("Runtime.ExitError", f"Runtime exited: {how} {abs(code or 0)}")

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):  # it may have gone already
            os.killpg(self._process.pid, number)


def runtime_environment(settings: FunctionSettings, address: str) -> dict[str, str]:
    """The variables of a runtime process: Lambda's own, and the function's."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    start = "snap-start" if settings.snap_start else "on-demand"
    return {
        **passed_on,
        "TZ": ":UTC",
        "PYTHONPATH": str(settings.root),
        "LAMBDA_TASK_ROOT": str(settings.root),
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        **settings.env,
        "_HANDLER": settings.handler,
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.13",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": settings.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(settings.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{settings.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        "AWS_LAMBDA_INITIALIZATION_TYPE": start,
    }
