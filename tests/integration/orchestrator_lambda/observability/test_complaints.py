"""An environment with a wrong setting says which, in its log and to Lambda."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from local.lambda_invocation import FunctionError
from tests.events.load import load_event
from tests.support.talking_function import talking_function

GOOD = {
    "KEEPWARM_JWT_ISSUER": "https://issuer.example.com",
    "KEEPWARM_JWT_AUDIENCES": "client",
    "KEEPWARM_BACKENDS": '[{"kind": "fleet", "url": "http://127.0.0.1:1"}]',
}


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("KEEPWARM_BUCKET", "No Bucket", "KEEPWARM_BUCKET='No Bucket' is no name of a bucket"),
        (
            "KEEPWARM_REDIS_URL",
            "http://user:hunter2@host",
            "KEEPWARM_REDIS_URL must begin with redis://, rediss:// or unix://",
        ),
    ],
)
def test_the_sentence_is_logged_and_no_secret(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    log = tmp_path / "log"
    with (
        talking_function({**GOOD, variable: value}, log) as function,
        pytest.raises(FunctionError) as failed,
    ):
        function.invoke(load_event("alb"))

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    (complaint,) = [line for line in lines if "complaint" in line]
    assert complaint["complaint"] == failed.value.message == sentence
    assert (complaint["level"], complaint["service"]) == ("ERROR", "keepwarm-orchestrator")
    assert complaint["error_type"] == "orchestrator_lambda.errors.ConfigError"
    assert "hunter2" not in log.read_text()
