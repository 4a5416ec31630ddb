"""Backends over real sockets: scripted containers, and the real one around a fake engine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from local.sagemaker_runtime import RuntimeSettings, SageMakerRuntime
from orchestrator_lambda.backends.connections import Limits
from orchestrator_lambda.backends.sagemaker import Endpoint, SageMakerBackend, runtime_client
from tests.contract.conftest import write_fake_model
from tests.support.live_server import LiveServer
from tests.support.scripted_server import Answer, Script, ScriptedServer, Seen

ANSWER = "Grüße aus Paris 👋, der Hauptstadt. " * 4
# What is left of ANSWER to the partial text at the prompt's end.
REPLY = f"lambda prompt, params: {ANSWER!r}.removeprefix(prompt.rsplit('assistant\\n', 1)[-1])"

StartContainer = Callable[..., LiveServer]


def endpoint_backend(url: str, *, stall_s: float = 20.0, **endpoint: Any) -> SageMakerBackend:
    """A backend whose calls go to `url`, by the real boto3."""
    client = runtime_client(
        region="eu-west-1",
        endpoint_url=url,
        limits=Limits(stall_s=stall_s),
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )
    return SageMakerBackend("endpoint", client, Endpoint(name="chat", **endpoint))


@pytest.fixture
def stack() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as opened:
        yield opened


@pytest.fixture
def start_container(tmp_path: Path, stack: contextlib.ExitStack) -> StartContainer:
    """start(arguments of FakeEngine, **environment): real servers that end with the test."""

    def start(arguments: str = "", **env: str) -> LiveServer:
        return stack.enter_context(container(tmp_path, arguments, **env))

    return start


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A container that answers all and has sessions; shared, so nobody may break it."""
    folder = tmp_path_factory.mktemp("healthy")
    with container(folder, SAGEMAKER_ENABLE_STATEFUL_SESSIONS="true") as server:
        yield server


def container(folder: Path, arguments: str = "", **env: str) -> LiveServer:
    """The real server around a fake engine, not started yet."""
    model = write_fake_model(folder / "model", f"{REPLY}{arguments}")
    return LiveServer(model, folder / "log", **env)


@pytest.fixture
def platform(stack: contextlib.ExitStack) -> Callable[[str], SageMakerRuntime]:
    """platform(container's URL): the SageMaker runtime's stand-in in front of it."""

    def start(url: str, **settings: Any) -> SageMakerRuntime:
        return stack.enter_context(SageMakerRuntime(RuntimeSettings(container_url=url, **settings)))

    return start


@pytest.fixture
def scripted(stack: contextlib.ExitStack) -> Callable[[Script], ScriptedServer]:
    """scripted(script): a container that answers /invocations so, and whose /ping is well."""

    def start(script: Script) -> ScriptedServer:
        def route(seen: Seen) -> Answer:
            return Answer() if seen.path == "/ping" else script(seen)

        return stack.enter_context(ScriptedServer(route))

    return start
