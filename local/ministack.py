"""DynamoDB, Kinesis and S3 on this machine: ministack as a process, on loopback, while needed.

It has an environment of its own beside the project's (`emulators`), since it pins other versions
of what the project uses.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

REGION = "us-east-1"
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0


class EmulatorMissing(Exception):
    """ministack is not installed; the message names the command that installs it."""


def ministack_command() -> str:
    """Path of the program.

    Raises:
        EmulatorMissing: it is neither in the environment beside ours nor on the path.
    """
    beside = Path(sys.prefix) / "emulators" / "bin" / "ministack"
    found = str(beside) if beside.is_file() else shutil.which("ministack")
    if found is None:
        raise EmulatorMissing("ministack is not installed; run: make emulators")
    return found


@contextmanager
def ministack(*, log: Path | None = None, data: Path | None = None) -> Iterator[str]:
    """Its address while the block runs.

    Args:
        log: where its output goes; nowhere without.
        data: folder in which it keeps its state from one run to the next; none is kept without.

    Raises:
        EmulatorMissing: see `ministack_command`.
        TimeoutError: it did not become ready.
    """
    command, port = ministack_command(), _free_port()
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
    }
    if data is not None:
        environment |= {"PERSIST_STATE": "1", "STATE_DIR": str(data)}
    with open(log or os.devnull, "ab") as output:
        process = subprocess.Popen([command], env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def client(service: str, url: str) -> Any:
    """A boto3 client of it, set up as the orchestrator's own are: no retries but ours."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id="local",
        aws_secret_access_key="local",  # noqa: S106
        config=Config(
            retries={"total_max_attempts": 1},
            connect_timeout=2,
            read_timeout=10,
            s3={"addressing_style": "path"},
        ),
    )


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310
                return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
    raise TimeoutError("ministack did not become ready; its log says why")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
