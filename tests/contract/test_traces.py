"""The log line of a request names the trace that its caller handed on."""

from __future__ import annotations

import json

import pytest
import requests

from tests.contract.conftest import Server

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("request_id", "headers"),
    [
        ("of-a-fleet", {"traceparent": PARENT}),
        (
            "of-sagemaker",
            {"X-Amzn-SageMaker-Custom-Attributes": json.dumps({"traceparent": PARENT})},
        ),
    ],
)
def test_the_log_line_has_the_trace(
    server: Server, request_id: str, headers: dict[str, str]
) -> None:
    named = {**headers, "X-Amzn-SageMaker-Inference-Id": request_id}
    answer = requests.post(
        f"{server.url}/invocations", json={"inputs": "hi"}, headers=named, timeout=30
    )
    assert answer.status_code == 200
    assert server.wait_for(lambda: request_id in server.log)
    lines = [json.loads(line) for line in server.log.splitlines() if request_id in line]
    assert [line["trace_id"] for line in lines] == [TRACE]
