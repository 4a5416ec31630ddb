"""The time that the orchestrator adds to the first token, over the container asked directly."""

from __future__ import annotations

import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.machine import REPOSITORY
from benchmarks.orchestrator.parts import Parts
from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction

WARM_UP = 5


def measure_overhead(parts: Parts, requests: int) -> dict[str, list[float]]:
    """Seconds to the first text, by turns: of the container alone, and through the orchestrator.

    Every request through the orchestrator is a new turn of one conversation: the transaction is
    written, Redis holds the lock, and the Lambda is warm.
    """
    direct, through = [], []
    with _function(parts) as function:
        talk = _conversation(function)
        for number in range(WARM_UP + requests):
            alone = _first_text(_direct_stream(parts.container))
            whole = _first_text(_turn_stream(function, talk, number))
            if number >= WARM_UP:
                direct.append(alone)
                through.append(whole)
    return {"container": direct, "orchestrator": through}


@contextmanager
def _function(parts: Parts) -> Iterator[LambdaFunction]:
    settings = FunctionSettings(
        handler="orchestrator_lambda.handler.handler",
        root=REPOSITORY,
        env=parts.environment,
        max_environments=4,  # one may still be sending telemetry when the next turn comes
        log=Path(os.devnull),
    )
    with LambdaFunction(settings) as function:
        yield function


def _conversation(function: LambdaFunction) -> str:
    answer = function.invoke_streaming(_event("/v1/conversations", {}))
    return str(json.loads(b"".join(answer.pieces))["id"])


def _turn_stream(function: LambdaFunction, talk: str, number: int) -> Iterator[bytes]:
    body = {"content": f"Question number {number}?", "max_tokens": 16}
    yield from function.invoke_streaming(_event(f"/v1/conversations/{talk}/messages", body)).pieces


def _direct_stream(container: str) -> Iterator[bytes]:
    address = urlsplit(container)
    connection = http.client.HTTPConnection(address.hostname or "", address.port)
    body = {"messages": [{"role": "user", "content": "Question?"}], "stream": True}
    try:
        connection.request("POST", "/invocations", json.dumps(body))
        response = connection.getresponse()
        while line := response.readline():
            yield line
    finally:
        connection.close()


def _first_text(pieces: Iterator[bytes]) -> float:
    """Seconds until the first piece with text of the answer; the rest is read."""
    began, first = time.perf_counter(), None
    for piece in pieces:
        if first is None and (b"event: delta" in piece or b'"content"' in piece):
            first = time.perf_counter() - began
    if first is None:
        raise ValueError("the answer held no text")
    return first


def _event(path: str, body: object) -> dict[str, object]:
    headers = {"Content-Type": "application/json", "x-keepwarm-user": "bench"}
    return {
        "resource": "/{proxy+}",
        "httpMethod": "POST",
        "path": path,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "requestContext": {"resourcePath": "/{proxy+}", "stage": "prod", "path": path},
        "body": json.dumps(body),
        "isBase64Encoded": False,
    }
