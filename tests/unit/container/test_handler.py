"""The model's functions at work, in both lanes, through the HTTP application."""

from __future__ import annotations

import ast
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from container import defaults
from container.handler import is_engine
from container.runtime import Runtime
from serving.testing import FakeEngine

AppClient = Callable[..., FlaskClient]
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
CHAT_STREAM = {**CHAT, "stream": True}


def content_of(response: object) -> str:
    return str(json.loads(response.data)["choices"][0]["message"]["content"])  # type: ignore[attr-defined]


def events_of(data: bytes) -> list[str]:
    return [event.removeprefix("data: ") for event in data.decode().split("\n\n") if event]


def test_the_built_in_functions_answer_a_chat(client_of: AppClient) -> None:
    assert content_of(client_of(FakeEngine("Hello")).post("/invocations", json=CHAT)) == "Hello"


@pytest.mark.parametrize(
    "predict",
    [
        "def predict_fn(data, model): return model.submit('q', data.sampling)",
        "def predict_fn(data, model): return 'Hello'",
        "def predict_fn(data, model):\n    yield 'Hel'\n    yield 'lo'",
        "def predict_fn(data, model):\n"
        "    with model.submit('q', data.sampling) as stream:\n"
        "        yield from stream",
        "async def predict_fn(data, model): return 'Hello'",
        "async def predict_fn(data, model):\n"
        "    texts = [output.text async for output in model.submit('q', data.sampling)]\n"
        "    return ''.join(texts)",
        "async def predict_fn(data, model):\n"
        "    async for output in model.submit('q', data.sampling):\n"
        "        yield output",
    ],
    ids=["stream", "text", "texts", "generator", "async", "async-submit", "async-generator"],
)
@pytest.mark.parametrize("body", [CHAT, CHAT_STREAM], ids=["whole", "streamed"])
def test_every_kind_of_predict_fn_answers_in_the_requests_format(
    client_of: AppClient, predict: str, body: dict[str, object]
) -> None:
    client = client_of(FakeEngine("Hello"), predict)
    response = client.post("/v1/chat/completions", json=body)
    if body is CHAT:
        assert content_of(response) == "Hello"
        return
    events = events_of(response.data)
    assert events[-1] == "[DONE]"
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content", "") for c in chunks if c["choices"])
    assert text == "Hello"
    assert chunks[-1]["receipt"]["finish_reason"] == "stop"


def test_tokens_that_predict_fn_spent_are_in_the_usage(client_of: AppClient) -> None:
    code = (
        "async def predict_fn(data, model):\n"
        "    return ''.join([o.text async for o in model.submit('four', data.sampling)])"
    )
    usage = client_of(FakeEngine("Hello"), code).post("/invocations", json=CHAT).json["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (4, 5)


def test_one_function_can_be_overridden_and_the_others_stay(client_of: AppClient) -> None:
    engine = FakeEngine("Hello")
    code = (
        "from container.toolbox import read_request\n"
        "def input_fn(body, content_type, context):\n"
        "    request = read_request(body, content_type, context)\n"
        "    request.messages.insert(0, {'role': 'system', 'content': 'be brief'})\n"
        "    return request\n"
    )
    client_of(engine, code).post("/invocations", json=CHAT)
    prompt = engine.tokenizer.decode(engine.submissions[-1].prompt_token_ids)
    assert "be brief" in prompt


def test_an_output_fn_of_the_models_own_decides_the_bytes(client_of: AppClient) -> None:
    code = (
        "def predict_fn(data, model): return 'Hello'\n"
        "def output_fn(prediction, accept, context):\n"
        "    context.set_response_header(0, 'X-Kind', accept)\n"
        "    context.set_response_status(201)\n"
        "    return prediction.upper(), 'text/plain'\n"
    )
    response = client_of(FakeEngine(), code).post(
        "/invocations", json=CHAT, headers={"Accept": "text/x-loud"}
    )
    assert (response.data, response.status_code) == (b"HELLO", 201)
    assert response.headers["X-Kind"] == "text/x-loud"
    assert response.content_type.startswith("text/plain")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/csv, application/json;q=0.5", 200),
        ("text/csv;q=0.9, */*;q=0.1", 200),
        ("text/csv", 406),
    ],
)
def test_generated_text_is_json_wherever_the_client_accepts_that(
    client_of: AppClient, accept: str, status: int
) -> None:
    client = client_of(FakeEngine("Hello"))
    response = client.post("/invocations", json=CHAT, headers={"Accept": accept})
    assert (response.status_code, response.content_type) == (status, "application/json")


def test_the_artifacts_inference_py_is_the_built_in_one() -> None:
    root = Path(__file__).parents[3]

    def bodies(path: Path) -> dict[str, str]:
        functions = [
            node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)
        ]
        return {node.name: ast.unparse(ast.Module(node.body, [])) for node in functions}

    shown = bodies(root / "model" / "code" / "inference.py")
    assert list(shown) == ["model_fn", "input_fn", "predict_fn", "output_fn"]
    assert shown == bodies(Path(defaults.__file__))


def test_the_example_of_the_artifacts_readme_runs(client_of: AppClient) -> None:
    readme = (Path(__file__).parents[3] / "model" / "README.md").read_text()
    example = readme.split("```python\n")[1].split("```")[0]
    client = client_of(FakeEngine("Hello"), example)
    assert content_of(client.post("/invocations", json=CHAT)) == "HELLO"


def test_the_functions_and_their_origin_are_logged(
    client_of: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "keepwarm.handler"):
        client_of(FakeEngine(), "def predict_fn(data, model): return 'x'")
    assert "predict_fn comes from /" in caplog.text
    assert "output_fn comes from built-in" in caplog.text
    assert "continuous batch" in caplog.text


def test_what_predict_fn_leaves_running_is_aborted(client_of: AppClient) -> None:
    engine = FakeEngine("Hello", tokens_per_second=1)
    code = "def predict_fn(data, model):\n    model.submit('q', data.sampling)\n    return 'done'\n"
    client = client_of(engine, code, warmup_tokens=0)
    assert content_of(client.post("/invocations", json=CHAT)) == "done"
    assert engine.active == 0


def test_an_exception_of_the_models_code_is_a_500_without_its_words(
    client_of: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    code = "def predict_fn(data, model): raise KeyError('secret prompt')"
    response = client_of(FakeEngine(), code).post("/invocations", json=CHAT)
    assert response.status_code == 500
    error = response.json["error"]
    assert error["code"] == "user_code_error"
    assert "KeyError" in error["message"]
    assert "secret" not in response.text + caplog.text
    records = [record for record in caplog.records if "predict_fn" in record.message]
    assert "inference.py" in records[0].fields["traceback"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("end", ["SystemExit(3)", "KeyboardInterrupt()"])
def test_a_function_that_exits_ends_its_request_alone(client_of: AppClient, end: str) -> None:
    client = client_of(FakeEngine(), f"def predict_fn(data, model): raise {end}")
    response = client.post("/invocations", json=CHAT)
    assert (response.status_code, response.json["error"]["code"]) == (500, "user_code_error")


def test_an_exception_in_the_middle_of_a_stream_is_its_last_event(client_of: AppClient) -> None:
    code = "def predict_fn(data, model):\n    yield 'Hel'\n    raise ValueError('secret')\n"
    response = client_of(FakeEngine(), code).post("/invocations", json=CHAT_STREAM)
    last = json.loads(events_of(response.data)[-1])
    assert last["error"]["code"] == "user_code_error"
    assert "secret" not in response.text


def test_an_error_that_the_models_code_chose_keeps_its_status(client_of: AppClient) -> None:
    code = (
        "from sagemaker_inference.errors import BaseInferenceToolkitError\n"
        "def predict_fn(data, model): raise BaseInferenceToolkitError(422, 'too rude', 'rude')\n"
    )
    response = client_of(FakeEngine(), code).post("/invocations", json=CHAT)
    assert response.status_code == 422
    assert response.json["error"]["message"] == "too rude"


def test_a_predict_fn_that_yields_something_else_is_told_so(client_of: AppClient) -> None:
    code = "def predict_fn(data, model):\n    yield {'a': 1}\n"
    response = client_of(FakeEngine(), code).post("/invocations", json=CHAT)
    assert response.json["error"]["code"] == "user_code_error"


def test_an_engine_is_known_by_its_methods() -> None:
    assert is_engine(FakeEngine())
    assert not is_engine({"engine": FakeEngine()})


def test_the_deadline_of_a_stream_is_the_longer_one(
    runtime_of: Callable[..., Runtime], client_of: AppClient
) -> None:
    engine = FakeEngine("Hello")
    client = client_of(engine, deadline_seconds=5, stream_deadline_seconds=50)
    client.post("/invocations", json=CHAT)
    whole = engine.submissions[-1].deadline
    client.post("/invocations", json=CHAT_STREAM)
    streamed = engine.submissions[-1].deadline
    now = time.monotonic()
    assert whole is not None and whole - now < 6
    assert streamed is not None and 40 < streamed - now < 51
