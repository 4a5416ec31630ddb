"""DynamoDB, Kinesis and S3 on this machine: ministack as a process, on loopback, while needed.

It has an environment of its own beside the project's (`emulators`), since it pins other versions
of what the project uses.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import boto3
from botocore.config import Config

REGION = "us-east-1"
SERVICES = ("cloudwatch", "dynamodb", "kinesis", "s3", "sqs", "sts")
READY_PATH = "/_ministack/ready"
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 10.0
_PORTS_TRIED = 3


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
    command = ministack_command()
    with open(log or os.devnull, "ab") as output:
        process, url = _started(command, data, output)
    try:
        yield url
    finally:
        _stop(process)


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
            proxies={},
        ),
    )


def _started(
    command: str, data: Path | None, output: BinaryIO
) -> tuple[subprocess.Popen[bytes], str]:
    """A process that is ready, and its address.

    Somebody else may take a free port before the process binds it: then it ends, and the next one
    gets another port.
    """
    for _ in range(_PORTS_TRIED):
        port = _free_port()
        process = subprocess.Popen(
            [command], env=ministack_environment(port, data), stdout=output, stderr=output
        )
        url = f"http://127.0.0.1:{port}"
        try:
            if _ready(process, url):
                return process, url
        except BaseException:
            _stop(process)
            raise
    raise TimeoutError("ministack ended before it was ready; its log says why")


def ministack_environment(port: int, data: Path | None) -> dict[str, str]:
    """Its variables: loopback alone, the services used here, nothing of ours but the path."""
    environment = {
        "PATH": os.environ.get("PATH", ""),
        "HOME": os.environ.get("HOME", "/"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": ",".join(SERVICES),
        "LOG_LEVEL": "WARNING",
        # Two listeners that BIND_HOST does not govern: they would be on every interface.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
    }
    if data is None:
        return environment
    return environment | {
        "PERSIST_STATE": "1",
        "STATE_DIR": str(data / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(data / "s3"),
    }


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Wait until it serves; False if it ended instead.

    Raises:
        TimeoutError: it does neither.
    """
    deadline = time.monotonic() + _READY_WITHIN_S
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), opener.open(url + READY_PATH, timeout=1):
            return process.poll() is None
        if process.poll() is not None:
            return False
        time.sleep(0.05)
    raise TimeoutError("ministack did not become ready; its log says why")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
