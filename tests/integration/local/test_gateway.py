"""The gateway as a process of its own, before a function in a real runtime."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from cli.network import free_port

ROOT = Path(__file__).parents[3]


@contextmanager
def gateway(folder: Path, content: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    file = folder / "gateway.json"
    file.write_text(json.dumps(content))
    command = [sys.executable, "-m", "local.gateway", "--settings", str(file)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def settings_of(port: int) -> dict[str, Any]:
    handler = {"handler": "orchestrator_lambda.handler.handler", "root": str(ROOT)}
    return {"gateway": {"port": port}, "function": handler}


def test_it_serves_the_function_until_it_is_told_to_stop(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    url = f"http://127.0.0.1:{port}"
    content = settings_of(port)
    content["function"]["env"] = {"KEEPWARM_IDENTITY": "nonsense"}
    content["function"]["log"] = str(tmp_path / "function.log")
    with gateway(tmp_path, content) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == f"gateway: {url}\n"
        assert requests.get(f"{url}/config.json", timeout=10).json()["api"] == "/v1"
        broken = requests.get(f"{url}/v1/health", timeout=30)
        assert (broken.status_code, broken.json()) == (502, {"message": "Internal server error"})
        assert (tmp_path / "function.log").read_text()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"gateway": {"faults": "explode"}}, "a fault is one of"),
        ({"gateway": {"colour": "red"}}, "'colour' is no setting of the gateway"),
        ({"function": {"handler": "a.b"}}, "root"),
    ],
)
def test_settings_that_make_no_sense_end_it_with_a_sentence(
    tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    with gateway(tmp_path, settings_of(0) | change) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said.startswith("gateway: cannot start: ")
    assert sentence in said
    assert said.count("\n") == 1


def test_a_port_that_is_taken_ends_it_with_a_sentence(tmp_path: Path) -> None:
    port = free_port("127.0.0.1")
    with gateway(tmp_path, settings_of(port)) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with gateway(tmp_path, settings_of(port)) as second:
            _, said = second.communicate(timeout=30)
    assert said.startswith("gateway: cannot start: ")
    assert said.endswith("Address already in use\n")
