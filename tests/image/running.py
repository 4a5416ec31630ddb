"""A container as a platform starts it: runc on the image's files, with the image's entry point.

Its first process is the entry point itself, its file system is read-only but for /tmp, and it
shares the machine's network, so that the test may set it to the loopback address.
"""

from __future__ import annotations

import json
import signal
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests

from cli.network import free_port

READY_S = 240.0
STOP_S = 45.0
# Docker's, less those for devices, raw sockets and chroot.
CAPABILITIES = [
    f"CAP_{name}"
    for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "NET_BIND_SERVICE", "SETGID", "SETUID")
]


@dataclass(frozen=True)
class Image:
    """A built image: its name, its configuration, and its files in a folder."""

    name: str
    details: dict[str, Any]
    root: Path

    @property
    def config(self) -> dict[str, Any]:
        config: dict[str, Any] = self.details["OCIv1"]["config"]
        return config


@dataclass
class Container:
    """`docker run IMAGE serve`, without docker. `mounts` are host's paths by the container's.

    A `program` takes the entry point's place, as SageMaker's processing jobs do it.
    """

    image: Image
    folder: Path
    mounts: dict[str, Path] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ("serve",)
    user: int = 0
    program: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        self.port = free_port("127.0.0.1")
        self._name = f"keepwarm-{uuid.uuid4().hex[:12]}"
        (self.folder / "config.json").write_text(json.dumps(self._specification()))
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                self._runc("run", "--bundle", str(self.folder)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subprocess.run(self._runc("delete", "--force"), capture_output=True, check=False)
        self.process.wait(STOP_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def ping(self) -> int:
        """Status of /ping; 0 while nothing listens."""
        try:
            return requests.get(f"{self.url}/ping", timeout=2).status_code
        except requests.RequestException:
            return 0

    def wait_ready(self) -> Self:
        end = time.monotonic() + READY_S
        while self.ping() != 200:
            assert self.process.poll() is None, f"the container ended:\n{self.log[-4000:]}"
            assert time.monotonic() < end, f"the container is not ready:\n{self.log[-4000:]}"
            time.sleep(0.2)
        return self

    def wait_started(self) -> Self:
        """Until the entry point has a handler for SIGTERM, which is the first thing it does."""
        end = time.monotonic() + READY_S
        while not self._handles(signal.SIGTERM):
            assert self.process.poll() is None, f"the container ended:\n{self.log[-4000:]}"
            assert time.monotonic() < end, f"the container never began:\n{self.log[-4000:]}"
        return self

    def _handles(self, number: signal.Signals) -> bool:
        asked = subprocess.run(self._runc("state"), capture_output=True, check=False)
        if asked.returncode != 0:
            return False
        try:
            status = Path(f"/proc/{json.loads(asked.stdout)['pid']}/status").read_text()
        except OSError:
            return False
        caught = int(status.split("SigCgt:")[1].split()[0], 16)
        # runc itself, until it has become the entry point, handles signals too.
        return "Name:\tpython" in status and bool(caught >> (number - 1) & 1)

    def terminate(self) -> None:
        """The platform's SIGTERM, to the first process."""
        subprocess.run(self._runc("kill", "TERM"), capture_output=True, check=True)

    def wait(self) -> int:
        """Exit code of the entry point."""
        return self.process.wait(STOP_S)

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _runc(self, command: str, *arguments: str) -> list[str]:
        state = ["runc", "--root", str(self.folder / "state")]
        if command == "kill":
            return [*state, command, self._name, *arguments]
        return [*state, command, *arguments, self._name]

    def _specification(self) -> dict[str, Any]:
        config = self.image.config
        env = {
            "KEEPWARM_HOST": "127.0.0.1",
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "KEEPWARM_KV_CACHE_GIB": "0.5",
            "OMP_WAIT_POLICY": "PASSIVE",
            **self.env,
        }
        return {
            "ociVersion": "1.0.2",
            "hostname": "keepwarm",
            "root": {"path": str(self.image.root), "readonly": True},
            "process": {
                "args": [*(self.program or config["Entrypoint"]), *self.arguments],
                "env": [*config["Env"], *(f"{name}={value}" for name, value in env.items())],
                "cwd": config["WorkingDir"],
                "user": {"uid": self.user, "gid": self.user},
                "noNewPrivileges": True,
                "capabilities": {
                    kind: CAPABILITIES if self.user == 0 else []
                    for kind in ("bounding", "effective", "permitted")
                },
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                _memory("/dev", "mode=755"),
                _memory("/dev/shm", "mode=1777", "nodev"),
                _memory("/tmp", "mode=1777", "nodev"),
                *(_read_only(source, place) for place, source in self.mounts.items()),
            ],
            "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "ipc", "uts")]},
        }


def _memory(place: str, *options: str) -> dict[str, Any]:
    return {
        "destination": place,
        "type": "tmpfs",
        "source": "tmpfs",
        "options": ["nosuid", *options],
    }


def _read_only(source: Path, place: str) -> dict[str, Any]:
    options = ["rbind", "ro"]
    return {"destination": place, "type": "bind", "source": str(source), "options": options}
