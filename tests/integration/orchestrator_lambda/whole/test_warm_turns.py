"""Everything real: Lambda runtime, Redis, DynamoDB, SageMaker's stand-in, container and model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction
from local.sagemaker_runtime import SageMakerRuntime
from orchestrator_lambda.history import schema
from tests.events.load import load_event
from tests.support.aws_local import AwsLocal
from tests.support.redis_server import redis_server

ROOT = Path(__file__).parents[4]
QUESTIONS = (
    "Tell me about the river Rhine in two sentences.",
    "Which cities does it pass?",
    "And where does it end?",
    "Say that once more, in other words.",
)


class Reader:
    """Calls the function as API Gateway does."""

    def __init__(self, function: LambdaFunction, user: str = "ann") -> None:
        self._function = function
        self._user = user

    @property
    def log(self) -> Path | None:
        return self._function.settings.log

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, bytes]:
        headers = {"Content-Type": "application/json", "x-keepwarm-user": self._user}
        event = load_event(
            "rest",
            httpMethod=method,
            path=path,
            headers=headers,
            multiValueHeaders={name: [value] for name, value in headers.items()},
            queryStringParameters=None,
            multiValueQueryStringParameters=None,
            body=None if body is None else json.dumps(body),
        )
        answer = self._function.invoke_streaming(event)
        return answer.status, b"".join(answer.pieces)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        status, data = self.call(method, path, body)
        assert status < 300, data
        return json.loads(data)

    def ask(self, talk: str, question: str, **more: Any) -> dict[str, Any]:
        """The answer, told event by event and stored."""
        body = {"content": question, "max_tokens": 24, "temperature": 0, **more}
        status, data = self.call("POST", f"/v1/conversations/{talk}/messages", body)
        assert status == 200, data
        blocks = [block for block in data.decode().split("\n\n") if "event: done" in block]
        assert blocks, data
        content = blocks[0].split("data: ", 1)[1].split("\n")[0]
        answer: dict[str, Any] = json.loads(content)["answer"]
        return answer


@pytest.fixture(scope="module")
def reader(
    sagemaker: SageMakerRuntime, aws: AwsLocal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Reader]:
    folder = tmp_path_factory.mktemp("whole")
    with redis_server(folder) as redis:
        backend = {
            "kind": "sagemaker",
            "endpoint": "chat",
            "region": "eu-west-1",
            "endpoint_url": sagemaker.url,
            "prefix_aware": True,
        }
        settings = FunctionSettings(
            handler="orchestrator_lambda.handler.handler",
            root=ROOT,
            env={
                "AWS_ENDPOINT_URL": aws.endpoint_url,
                "KEEPWARM_TABLE": aws.table(schema.table_definition("keepwarm")),
                "AWS_ACCESS_KEY_ID": "local",
                "AWS_SECRET_ACCESS_KEY": "local",
                "KEEPWARM_ENV": "local",
                "KEEPWARM_IDENTITY": "local",
                "KEEPWARM_REDIS_URL": redis.url,
                "KEEPWARM_BACKENDS": json.dumps([backend]),
                "KEEPWARM_PROMPT_TOKENS_HIGH": "600",
                "KEEPWARM_PROMPT_TOKENS_LOW": "300",
            },
            log=folder / "lambda.log",
        )
        with LambdaFunction(settings) as function:
            yield Reader(function)


def test_a_turn_computes_its_new_tokens_alone(reader: Reader) -> None:
    """All of the earlier turns is cached but for the last block, which was not full."""
    talk = reader.json("POST", "/v1/conversations", {"system": "You are a helpful guide."})["id"]
    before = 0
    for question in QUESTIONS:
        receipt = reader.ask(talk, question)["receipt"]
        new = receipt["prompt_tokens"] - receipt["cached_tokens"]
        if before:
            assert receipt["cached_tokens"] >= before - 16
            assert new <= receipt["prompt_tokens"] - before + 16
        before = receipt["prompt_tokens"] + receipt["completion_tokens"]

    content = reader.json("GET", f"/v1/conversations/{talk}")
    assert len(content["messages"]) == 2 * len(QUESTIONS)
    assert content["conversation"]["title"]
    assert content["conversation"]["totals"]["cached_tokens"] > 0


def test_a_history_that_was_cut_is_warm_again_from_the_next_turn_on(reader: Reader) -> None:
    talk = reader.json("POST", "/v1/conversations", {"title": "long"})["id"]
    shares = []
    for number in range(9):
        question = f"Number {number}: " + "please go on about rivers and their cities. " * 9
        receipt = reader.ask(talk, question, max_tokens=8)["receipt"]
        shares.append(receipt["cached_tokens"] / receipt["prompt_tokens"])
        assert receipt["prompt_tokens"] < 700

    cuts = [turn for turn, share in enumerate(shares) if turn and share < 0.3]
    assert cuts, shares
    assert len(cuts) <= 3, shares
    warm = [share for turn, share in enumerate(shares) if turn and turn not in cuts]
    assert min(warm) > 0.5, shares


def test_a_regenerated_answer_shares_the_prefix_up_to_the_fork(reader: Reader) -> None:
    talk = reader.json("POST", "/v1/conversations", {"title": "fork"})["id"]
    first = reader.ask(talk, QUESTIONS[0])

    body = {"max_tokens": 8, "temperature": 0}
    path = f"/v1/conversations/{talk}/messages/{first['seq']}/regenerate"
    status, _ = reader.call("POST", path, body)

    assert status == 200
    shown = reader.json("GET", f"/v1/conversations/{talk}")["messages"]
    receipt = shown[1]["receipt"]
    assert receipt["cached_tokens"] >= receipt["prompt_tokens"] - 17


def test_no_word_of_the_talk_is_in_the_log(reader: Reader) -> None:
    talk = reader.json("POST", "/v1/conversations", {"title": "secret"})["id"]
    reader.ask(talk, "My password is xylophone-7391.", max_tokens=8)

    assert reader.log is not None
    text = reader.log.read_text()
    assert '"requests"' in text, "the request's metrics are not there"
    assert "xylophone" not in text
