"""Our runtime, started by its bootstrap, in AWS's own Runtime Interface Emulator."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.network import free_port
from tests.events.load import load_event
from tests.support.live_server import wait_until

MACHINE = {"x86_64": "x86_64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
EMULATORS = Path(sys.prefix) / "emulators"
BINARIES = sorted(
    EMULATORS.glob(f"lib/*/site-packages/samcli/local/rapid/aws-lambda-rie-{MACHINE}")
)

pytestmark = pytest.mark.skipif(not BINARIES, reason="the emulator's binary is not installed")


class Emulator:
    """One emulator with one runtime; the function is called by HTTP."""

    def __init__(self, root: Path, handler: str, log: Path) -> None:
        self._log = log
        ports = [free_port("127.0.0.1") for _ in range(2)]
        self._url = f"http://127.0.0.1:{ports[0]}/2015-03-31/functions/function/invocations"
        command = [
            str(BINARIES[0]),
            f"--runtime-interface-emulator-address=127.0.0.1:{ports[0]}",
            f"--runtime-api-address=127.0.0.1:{ports[1]}",
            str(root / "bootstrap"),
            "/var/lang/bin/python3.13",
            "/var/runtime/bootstrap.py",
        ]
        variables = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "LAMBDA_TASK_ROOT": str(root),
            "_HANDLER": handler,
            "AWS_LAMBDA_FUNCTION_TIMEOUT": "30",
        }
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=root,
                env=variables,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def invoke(self, event: object) -> bytes:
        request = urllib.request.Request(self._url, json.dumps(event).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            content: bytes = answer.read()
        return content

    def listens(self) -> bool:
        try:
            return bool(self.invoke({"ping": True}))
        except OSError:
            assert self._process.poll() is None, self._log.read_text()
            return False

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(10)


@pytest.fixture
def emulator(zip_root: Path, tmp_path: Path) -> Iterator[Emulator]:
    emulator = Emulator(zip_root, "echo_application.handler", tmp_path / "emulator.log")
    try:
        wait_until(emulator.listens)
        yield emulator
    finally:
        emulator.close()


def test_a_streamed_answer_comes_back_with_its_prelude(emulator):
    query = {"n": ["3"]}
    event = load_event("rest", path="/stream", multiValueQueryStringParameters=query)
    prelude, delimiter, payload = emulator.invoke(event).partition(b"\0" * 8)
    assert delimiter
    content = json.loads(prelude)
    assert content["statusCode"] == 200
    assert content["headers"]["Content-Type"] == "text/event-stream"
    assert content["cookies"] == ["a=1"]
    assert payload == b"data: 0\n\ndata: 1\n\ndata: 2\n\n"


def test_whole_answers_and_unknown_events(emulator):
    event = load_event("alb", path="/stream", queryStringParameters={"n": "1"})
    assert json.loads(emulator.invoke(event))["body"] == "data: 0\n\n"
    assert json.loads(emulator.invoke({"no": "event"}))["kind"] == "unknown"


def test_a_stream_that_breaks_off_leaves_the_runtime_usable(emulator):
    event = load_event("rest", path="/break", pathParameters=None)
    with contextlib.suppress(OSError):  # how the emulator tells of it is its own affair
        assert b"secret" not in emulator.invoke(event)
    assert json.loads(emulator.invoke({"ping": True})) == {"ok": True, "kind": "ping"}
