"""The code in the guides, run as it stands against a stack with its real parts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.live_stack import LiveStack, environment, home_with, live_stack
from tests.support.markdown_blocks import as_script

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
GATEWAY, SAGEMAKER = "http://127.0.0.1:8000", "http://127.0.0.1:9000"


@pytest.fixture(scope="module")
def stack(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    folder = tmp_path_factory.mktemp("guides")
    with live_stack(home_with(default_model, folder / "home"), folder / "output") as live:
        yield live


def run(stack: LiveStack, *command: str) -> str:
    """What a script prints; commands of the project's environment are on its path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        env={**environment(stack.home), "PATH": path, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shell(stack: LiveStack, guide: str) -> str:
    script = as_script(GUIDES / guide, "sh", {GATEWAY: stack.url})
    return run(stack, "bash", "-euo", "pipefail", "-c", script)


def test_the_shell_of_the_clients_guide(stack: LiveStack) -> None:
    said = shell(stack, "clients.md")
    assert said.count("event: done") == 2
    assert said.count("The capital of France is Paris.") == 2


def test_the_python_of_the_clients_guide(stack: LiveStack) -> None:
    addresses = {
        GATEWAY: stack.url,
        SAGEMAKER: f"http://127.0.0.1:{stack.part('sagemaker')['port']}",
    }
    said = run(stack, sys.executable, "-c", as_script(GUIDES / "clients.md", "python", addresses))
    first, second, *_ = said.splitlines()
    assert first.startswith("The capital of France is Paris.")
    assert second.endswith("tokens were warm")
    assert int(second.split()[-4]) > 0
    assert "[DONE]" in said


def test_the_shell_of_the_operators_guide(stack: LiveStack) -> None:
    said = shell(stack, "operating.md")
    assert "ok      redis" in said
    assert '"containers"' in said
    assert '"happened": {}}503\n{"faults": [], "happened": {"status": 1}}' in said
