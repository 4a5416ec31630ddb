"""A peer's process: started in a group of its own, watched while it loads, always ended."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import httpx2
import psutil

from benchmarks.errors import PeerFailed
from benchmarks.machine import REPOSITORY, field_of_file

_POLL_S = 0.1
_TERM_GRACE_S = 20.0
_KILL_GRACE_S = 10.0
_LOG_TAIL_LINES = 15
# Peers load what lies on this disk; a hub or a proxy must not decide how long that takes.
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
}


class ManagedProcess:
    """A child whose output goes to a temporary log file, of which failures quote the end.

    The child gets a process group of its own: Ctrl-C reaches the benchmark alone, which then ends
    the whole group, helpers of the child included.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        pipes: bool = False,
    ) -> None:
        self._log = tempfile.NamedTemporaryFile(  # noqa: SIM115 - lives until stop()
            prefix="peer-", suffix=".log"
        )
        pipe = subprocess.PIPE if pipes else None
        try:
            self.popen = subprocess.Popen(
                list(command),
                cwd=REPOSITORY,
                env={**os.environ, **_OFFLINE, **(environment or {})},
                stdin=pipe or subprocess.DEVNULL,
                stdout=pipe or self._log,
                stderr=self._log,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            self._log.close()
            raise PeerFailed(f"cannot start {command[0]}: {error}") from error

    def check_alive(self) -> None:
        """Raise PeerFailed, quoting the log, when the child has ended."""
        status = self.popen.poll()
        if status is not None:
            raise PeerFailed(f"the process ended with status {status}; its log ends: {self.tail()}")

    def tail(self) -> str:
        """The last lines of the log."""
        lines = Path(self._log.name).read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-_LOG_TAIL_LINES:]) or "(empty)"

    def peak_memory_bytes(self) -> int:
        """Peak resident memory of the child and its living descendants, each one's own peak.

        The sum counts what they share more than once, and peaks that did not coincide.
        """
        with suppress(psutil.NoSuchProcess):
            own = psutil.Process(self.popen.pid)
            return sum(_peak_of(one.pid) for one in [own, *own.children(recursive=True)])
        return 0

    def wait_until_ready(self, url: str, time_limit_s: float) -> None:
        """Poll `url` until it answers 200.

        Raises:
            PeerFailed: the child ended, or the time is up.
        """
        deadline = time.monotonic() + time_limit_s
        with httpx2.Client(trust_env=False, timeout=5.0) as http:
            while time.monotonic() < deadline:
                self.check_alive()
                with suppress(httpx2.TransportError):
                    if http.get(url).status_code == httpx2.codes.OK:
                        return
                time.sleep(_POLL_S)
        raise PeerFailed(f"not ready after {time_limit_s:.0f} s; its log ends: {self.tail()}")

    def stop(self) -> None:
        """Ask the child to end, then end its group; safe to call again.

        A second Ctrl-C while the child winds up ends the group at once.
        """
        try:
            if self.popen.poll() is None:
                self.popen.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.popen.wait(_TERM_GRACE_S)
        finally:
            self._end_group()
        for stream in (self.popen.stdin, self.popen.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()
        self._log.close()

    def _end_group(self) -> None:
        """Kill whoever is left: usually nobody."""
        with suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait(_KILL_GRACE_S)


def _peak_of(pid: int) -> int:
    """High-water mark of a process's resident memory in bytes; 0 for one that has ended."""
    kib = field_of_file(Path(f"/proc/{pid}/status"), "VmHWM")
    return int(kib.split()[0]) * 1024 if kib else 0


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
