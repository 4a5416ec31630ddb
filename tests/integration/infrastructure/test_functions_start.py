"""The functions of the shipped stages start with the variables of the whole app's template."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from orchestrator_lambda.composition import make_handler
from orchestrator_lambda.telemetry.settings import ConsumerSettings
from tests.support.chat_boxes import filled_in
from tests.support.edge import Edges

LAMBDAS_OWN = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(autouse=True)
def in_lambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What Lambda sets by itself; and the log is put back, which a function takes for itself."""
    for name, value in LAMBDAS_OWN.items():
        monkeypatch.setenv(name, value)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def environment(edges: Edges, stage: str, box: str) -> dict[str, str]:
    (function,) = [
        one
        for one in edges(stage).resources("AWS::Lambda::Function")
        if one.path.startswith(f"chat/{box}/Function")
    ]
    variables = function.properties["Environment"]["Variables"]
    return {name: filled_in(value) for name, value in variables.items()}


@pytest.mark.parametrize("stage", ["dev", "prod"])
@pytest.mark.parametrize("box", ["Orchestrator", "Sweeper"])
def test_the_orchestrators_code_starts(edges: Edges, stage: str, box: str) -> None:
    assert make_handler({**environment(edges, stage, box), **LAMBDAS_OWN})


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_the_consumer_starts(edges: Edges, stage: str) -> None:
    assert ConsumerSettings.from_env(environment(edges, stage, "Consumer"))
