"""The SageMaker target, by real boto3 through the stand-in of the runtime."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from local.sagemaker_errors import PlatformError
from local.sagemaker_runtime import RuntimeSettings, SageMakerRuntime
from pipelines.target.choose import target_of
from pipelines.target.errors import Interrupted, Refused, Unreachable
from pipelines.target.interface import Target
from tests.support.scripted_server import Answer, ScriptedServer, Seen


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


@contextmanager
def endpoint(
    script: Callable[[Seen], Answer], monkeypatch: pytest.MonkeyPatch, attempts: int = 1
) -> Iterator[tuple[Target, SageMakerRuntime]]:
    """A container that answers by `script`, behind the platform."""

    def answer(seen: Seen) -> Answer:
        return Answer() if seen.path == "/ping" else script(seen)

    with (
        ScriptedServer(answer) as container,
        SageMakerRuntime(RuntimeSettings(container.url, endpoint_name="chat")) as runtime,
    ):
        monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", runtime.url)
        yield target_of("chat", attempts=attempts), runtime


def test_an_answer_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(lambda seen: Answer(body=b'{"id": 1}'), monkeypatch) as (target, _):
        assert target.invoke({"max_tokens": 1}) == {"id": 1}


def test_a_stream_is_the_containers_however_the_platform_cuts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pieces = [b"data: {}\n\n"] * 50
    with endpoint(lambda seen: Answer(chunks=pieces), monkeypatch) as (target, _):
        assert b"".join(target.stream({})) == b"".join(pieces)


def test_a_containers_error_keeps_its_status_and_words(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Answer(status=400, body=b'{"error": {"message": "context too long"}}')
    with endpoint(lambda seen: said, monkeypatch) as (target, _):
        with pytest.raises(Refused, match="HTTP 400: context too long") as caught:
            target.invoke({})
        assert caught.value.status == 400


def test_throttling_is_the_status_that_says_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(lambda seen: Answer(body=b"{}"), monkeypatch) as (target, runtime):
        runtime.fail_next(PlatformError(400, "ThrottlingException", "Rate exceeded"))
        with pytest.raises(Refused, match="ThrottlingException") as caught:
            target.invoke({})
        assert caught.value.status == 429


def test_a_target_that_may_retry_outlives_a_throttled_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with endpoint(lambda seen: Answer(body=b"{}"), monkeypatch, attempts=3) as (target, runtime):
        runtime.fail_next(PlatformError(400, "ThrottlingException", "Rate exceeded"))
        assert target.invoke({}) == {}


def test_a_stream_that_breaks_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said = Answer(chunks=[b"data: {}\n\n"], break_off=True)
    with (
        endpoint(lambda seen: said, monkeypatch) as (target, _),
        pytest.raises(Interrupted, match="broke the answer off"),
    ):
        list(target.stream({}))


def test_an_endpoint_of_another_name_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with endpoint(lambda seen: Answer(body=b"{}"), monkeypatch):
        other = target_of("other", attempts=1)
        with pytest.raises(Refused, match="not found"):
            other.invoke({})


def test_a_platform_that_is_away_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", "http://127.0.0.1:9")
    with pytest.raises(Unreachable, match="endpoint chat does not answer"):
        target_of("chat", attempts=1).invoke({})
