"""GET /kv in one process: what the engine is asked, and what is said where there are no blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient

from container.app import create_app
from container.protocols.conversation import label_of
from container.runtime import Runtime
from container.settings import ContainerSettings
from serving.engine.protocol import EngineState
from serving.errors import EngineDead
from serving.request import KVSession, KVUsage
from serving.testing import FakeEngine

AppClient = Callable[..., FlaskClient]
CHAT = {"messages": [{"role": "user", "content": "hi"}]}
SESSION = KVSession(label="0a1b", blocks=3, shared=1, tokens=40, running=True, age_s=0.0)
USAGE = KVUsage(
    block_size=16, total=9, free=5, cached=1, used=3, shared=1, sessions=[SESSION], other=1
)


class BlockyEngine(FakeEngine):
    """A fake engine with blocks to show."""

    def kv_usage(self, timeout: float = 1.0) -> Any:
        if self.state is EngineState.DEAD:
            raise EngineDead(self.failure or "dead")
        return USAGE


def test_the_snapshot_is_told_as_json(client_of: AppClient) -> None:
    answer = client_of(BlockyEngine()).get("/kv")
    assert (answer.status_code, answer.content_type) == (200, "application/json")
    assert answer.json == {
        "block_size": 16,
        "total": 9,
        "free": 5,
        "cached": 1,
        "used": 3,
        "shared": 1,
        "sessions": [
            {
                "label": "0a1b",
                "blocks": 3,
                "shared": 1,
                "tokens": 40,
                "running": True,
                "age_s": 0.0,
            }
        ],
        "other": 1,
    }


def test_an_engine_without_blocks_is_404(client_of: AppClient) -> None:
    answer = client_of(FakeEngine()).get("/kv")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "no_kv_blocks")


def test_a_model_without_an_engine_is_404(client_of: AppClient) -> None:
    code = "def model_fn(d): return 'model'\ndef predict_fn(data, model): return data\n"
    answer = client_of(code=code).get("/kv")
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "no_kv_blocks")


def test_while_the_model_loads_it_is_503(tmp_path: Any) -> None:
    app = create_app(Runtime(ContainerSettings(model_dir=str(tmp_path))))
    answer = app.test_client().get("/kv")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "engine_unavailable")


def test_a_dead_engine_is_503(client_of: AppClient) -> None:
    engine = BlockyEngine()
    client = client_of(engine)
    engine.become(EngineState.DEAD, "it was killed")
    answer = client.get("/kv")
    assert (answer.status_code, answer.json["error"]["code"]) == (503, "engine_dead")


def test_sessions_can_be_read_only(client_of: AppClient) -> None:
    assert client_of(BlockyEngine()).post("/kv").status_code == 405


@pytest.mark.parametrize(
    ("fields", "conversation"),
    [({"user": "alice"}, "alice"), ({"routing_key": "k..."}, "k"), ({}, "")],
)
def test_the_engine_is_told_a_label_and_no_name(
    client_of: AppClient, fields: dict[str, str], conversation: str
) -> None:
    engine = FakeEngine()
    client_of(engine).post("/v1/chat/completions", json={**CHAT, **fields})
    assert engine.submissions[-1].label == label_of(conversation)


def test_all_answers_of_a_request_have_its_label(client_of: AppClient) -> None:
    engine = FakeEngine()
    client = client_of(engine, warmup_tokens=0)
    client.post("/v1/chat/completions", json={**CHAT, "user": "alice", "n": 3, "cache_salt": "t"})
    labels = [submission.label for submission in engine.submissions]
    assert labels == [label_of("alice", "t")] * 3


def test_a_session_of_sagemaker_is_labelled_from_its_first_request_on(client_of: AppClient) -> None:
    engine = FakeEngine()
    client = client_of(engine, stateful_sessions=True, warmup_tokens=0)
    header = "X-Amzn-SageMaker-Session-Id"
    opened = client.post("/invocations", json=CHAT, headers={header: "NEW_SESSION"})
    session_id = next(
        value.split(";")[0] for name, value in opened.headers if name.endswith("Session-Id")
    )
    client.post("/invocations", json=CHAT, headers={header: session_id})
    labels = [submission.label for submission in engine.submissions]
    assert labels == [label_of(session_id)] * 2


def test_the_models_own_code_gets_the_label_without_asking_for_it(client_of: AppClient) -> None:
    engine = FakeEngine()
    code = (
        "from container.toolbox import SamplingParams\n"
        "def predict_fn(data, model):\n"
        "    return model.submit('own prompt', SamplingParams(max_tokens=2))\n"
    )
    client_of(engine, code).post("/v1/chat/completions", json={**CHAT, "user": "alice"})
    assert engine.submissions[-1].label == label_of("alice")
