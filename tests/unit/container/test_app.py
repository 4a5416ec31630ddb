"""The routes in one process: what is answered, and how errors look."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from serving.engine.protocol import EngineState
from serving.testing import FakeEngine, FakeFaults

AppClient = Callable[..., FlaskClient]
CHAT = {"messages": [{"role": "user", "content": "hi"}]}


def events_of(response: Any) -> list[dict[str, Any]]:
    texts = [event for event in response.data.decode().split("\n\n") if event]
    return [json.loads(text.removeprefix("data: ")) for text in texts if "[DONE]" not in text]


def samples_of(client: FlaskClient) -> dict[str, float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {
        sample.name + "".join(sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_ping_is_200_and_empty_when_serving(client_of: AppClient) -> None:
    response = client_of().get("/ping")
    assert (response.status_code, response.data) == (200, b"")


@pytest.mark.parametrize("state", [EngineState.STALLED, EngineState.DEAD])
def test_ping_is_503_with_one_line_when_the_engine_is_not_well(
    client_of: AppClient, state: EngineState
) -> None:
    engine = FakeEngine()
    client = client_of(engine)
    engine.become(state, "out of memory")
    response = client.get("/ping")
    assert response.status_code == 503
    assert response.text.count("\n") == 1
    assert json.loads(response.text)["reason"]


def test_a_dead_engine_is_said_by_every_route(client_of: AppClient) -> None:
    engine = FakeEngine()
    client = client_of(engine)
    engine.become(EngineState.DEAD, "it was killed")
    response = client.post("/invocations", json=CHAT)
    assert response.status_code == 503
    assert response.json["error"] == {
        "code": "engine_dead",
        "message": "it was killed",
        "param": None,
        "type": "server_error",
        "retry_after_ms": 1000,
    }
    assert response.headers["Retry-After"] == "1"
    assert client.get("/v1/models").status_code == 503


def test_models_lists_the_one_model(client_of: AppClient) -> None:
    listed = client_of(FakeEngine(max_model_len=99), served_model_name="chatty").get("/v1/models")
    assert [(m["id"], m["max_model_len"]) for m in listed.json["data"]] == [("chatty", 99)]


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/invocations", 405, "method_not_allowed"),
        ("DELETE", "/v1/chat/completions", 405, "method_not_allowed"),
    ],
)
def test_flasks_own_errors_have_our_shape(
    client_of: AppClient, method: str, path: str, status: int, code: str
) -> None:
    response = client_of().open(path, method=method)
    assert response.status_code == status
    assert response.json["error"]["code"] == code
    assert set(response.json["error"]) == {"code", "message", "param", "type"}


def test_a_body_over_the_limit_is_413(client_of: AppClient) -> None:
    response = client_of(max_body_bytes=2048).post("/invocations", data=b"x" * 4096)
    assert (response.status_code, response.json["error"]["code"]) == (413, "payload_too_large")


def test_an_overloaded_engine_is_429_with_a_time_to_wait(client_of: AppClient) -> None:
    response = client_of(FakeEngine(max_active=0), warmup_tokens=0).post("/invocations", json=CHAT)
    assert response.status_code == 429
    assert response.json["error"]["retry_after_ms"] == 500
    assert response.json["error"]["type"] == "rate_limit_error"


def test_beyond_the_limit_of_requests_the_next_one_is_429(client_of: AppClient) -> None:
    client = client_of(FakeEngine("Hello", tokens_per_second=5), max_concurrent=1)
    stream = client.post("/invocations", json={**CHAT, "stream": True}, buffered=False)
    refused = client.post("/invocations", json=CHAT)
    assert (refused.status_code, refused.json["error"]["code"]) == (429, "overloaded")
    assert client.get("/ping").status_code == 200
    stream.close()
    allowed = client.post("/invocations", json={**CHAT, "max_tokens": 1})
    assert allowed.status_code == 200


def test_a_prompt_longer_than_the_context_is_400(client_of: AppClient) -> None:
    client = client_of(FakeEngine(max_model_len=64), warmup_tokens=1)
    response = client.post("/v1/completions", json={"prompt": "x" * 64})
    assert (response.status_code, response.json["error"]["code"]) == (
        400,
        "context_length_exceeded",
    )


def test_prefill_only_is_an_empty_answer(client_of: AppClient) -> None:
    answer = client_of().post("/invocations", json={**CHAT, "max_tokens": 0}).json
    assert answer["choices"][0]["message"]["content"] == ""
    assert answer["usage"]["completion_tokens"] == 0


def test_a_deadline_cuts_the_answer_with_its_reason(client_of: AppClient) -> None:
    client = client_of(
        FakeEngine("x" * 99, tokens_per_second=50), deadline_seconds=0.2, warmup_tokens=0
    )
    answer = client.post("/invocations", json=CHAT).json
    assert answer["choices"][0]["finish_reason"] == "deadline"
    assert answer["receipt"]["finish_reason"] == "deadline"
    assert 0 < len(answer["choices"][0]["message"]["content"]) < 99


def test_an_engine_that_misses_the_deadline_is_not_waited_for(
    client_of: AppClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("container.engine_scope.STALL_GRACE_S", 0.1)
    engine = FakeEngine("Hello", faults=FakeFaults(stall_after=2))
    client = client_of(engine, deadline_seconds=0.1, warmup_tokens=0)
    real = engine.submit
    monkeypatch.setattr(engine, "submit", lambda *a, **k: real(*a, **{**k, "deadline": None}))
    response = client.post("/invocations", json=CHAT)
    assert (response.status_code, response.json["error"]["code"]) == (503, "engine_stalled")
    assert engine.active == 0


def test_an_engine_that_fails_in_mid_stream_ends_it_without_receipt(client_of: AppClient) -> None:
    engine = FakeEngine("Hello", faults=FakeFaults(fail_after=2))
    client = client_of(engine, warmup_tokens=0)
    response = client.post("/invocations", json={**CHAT, "stream": True})
    assert "[DONE]" not in response.text
    events = events_of(response)
    assert events[-1]["error"]["code"] == "generation_failed"
    assert not any("receipt" in event for event in events)


def test_a_silent_stream_sends_comments(client_of: AppClient) -> None:
    engine = FakeEngine("Hello", first_token_seconds=0.6)
    client = client_of(engine, heartbeat_seconds=0.2, warmup_tokens=0)
    response = client.post("/invocations", json={**CHAT, "stream": True})
    assert ": waiting\n\n" in response.text


def test_the_receipt_chunk_has_choices_for_those_who_read_them_unasked(
    client_of: AppClient,
) -> None:
    client = client_of()
    plain = events_of(client.post("/invocations", json={**CHAT, "stream": True}))
    assert all(event["choices"] for event in plain)
    options = {"stream_options": {"include_usage": True}}
    asked = events_of(client.post("/invocations", json={**CHAT, "stream": True, **options}))
    assert asked[-1]["choices"] == []
    assert "receipt" in plain[-1] and "receipt" in asked[-1]


def test_n_answers_have_seeds_of_their_own(client_of: AppClient) -> None:
    client = client_of(FakeEngine(lambda prompt, params: f"seed {params.seed}"))
    answer = client.post("/invocations", json={**CHAT, "n": 3, "seed": 5}).json
    texts = [choice["message"]["content"] for choice in answer["choices"]]
    assert texts == ["seed 5", "seed 6", "seed 7"]


def test_a_refused_sequence_leaves_none_of_its_siblings_running(client_of: AppClient) -> None:
    engine = FakeEngine("Hello", tokens_per_second=1, max_active=2)
    client = client_of(engine, warmup_tokens=0)
    assert client.post("/invocations", json={**CHAT, "n": 3}).status_code == 429
    assert engine.active == 0


def test_the_tenants_salt_reaches_the_engine(client_of: AppClient) -> None:
    engine = FakeEngine()
    client_of(engine).post("/invocations", json={**CHAT, "cache_salt": "tenant-7"})
    assert engine.submissions[-1].cache_salt == "tenant-7"


def test_the_inference_id_names_the_request(client_of: AppClient) -> None:
    headers = {"X-Amzn-SageMaker-Inference-Id": "inf-9"}
    answer = client_of().post("/invocations", json=CHAT, headers=headers).json
    assert answer["receipt"]["request_id"] == "inf-9"


def test_json_that_the_client_does_not_accept_is_406(client_of: AppClient) -> None:
    response = client_of().post("/invocations", json=CHAT, headers={"Accept": "text/csv"})
    assert (response.status_code, response.json["error"]["code"]) == (406, "not_acceptable")


def test_an_unknown_failure_tells_the_client_nothing(
    client_of: AppClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    engine = FakeEngine()
    client = client_of(engine)

    def explode(*args: object, **kwargs: object) -> None:
        raise RuntimeError("secret of the prompt")

    monkeypatch.setattr(engine, "submit", explode)
    response = client.post("/invocations", json=CHAT)
    assert response.status_code == 500
    assert response.json["error"]["code"] == "internal_error"
    assert "secret" not in response.text + caplog.text
    assert any("explode" in getattr(r, "fields", {}).get("traceback", "") for r in caplog.records)


def test_metrics_have_our_names_and_the_dashboards(client_of: AppClient) -> None:
    client = client_of(FakeEngine("Hello"), warmup_tokens=0)
    client.post("/invocations", json=CHAT)
    client.post("/invocations", json={})
    samples = samples_of(client)
    for prefix in ("keepwarm:", "vllm:"):
        assert samples[f"{prefix}generation_tokens_total"] == 5
        assert samples[f"{prefix}prompt_tokens_total"] > 0
        assert samples[f"{prefix}time_to_first_token_seconds_count"] == 1
        assert samples[f"{prefix}inter_token_latency_seconds_count"] == 4
        assert samples[f"{prefix}e2e_request_latency_seconds_count"] == 2
        assert samples[f"{prefix}num_requests_running"] == 0
        assert samples[f"{prefix}num_requests_waiting"] == 0
        assert samples[f"{prefix}gpu_cache_usage_perc"] == 0
        for name in ("drafts", "draft_tokens", "accepted_tokens"):
            assert samples[f"{prefix}spec_decode_num_{name}_total"] == 0
    assert samples["keepwarm:requests_totalstop/invocations"] == 1
    assert samples["keepwarm:requests_totalinvalid_request/invocations"] == 1
    assert samples["keepwarm:ready"] == 1
    infos = [value for name, value in samples.items() if name.startswith("keepwarm:engine_info")]
    assert infos == [1]


def test_the_access_log_has_numbers_and_no_text(
    client_of: AppClient, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(FakeEngine("answer-text"))
    with caplog.at_level(logging.INFO, "keepwarm"):
        client.post("/invocations", json={"messages": [{"role": "user", "content": "my secret"}]})
    fields = next(r.fields for r in caplog.records if r.name == "keepwarm.access")  # type: ignore[attr-defined]
    assert (fields["status"], fields["outcome"], fields["completion_tokens"]) == (200, "stop", 11)
    assert "secret" not in str(fields) and "answer-text" not in str(fields)


def test_new_session_answers_the_prompt_and_names_the_session(client_of: AppClient) -> None:
    client = client_of(FakeEngine("Hello"))
    headers = {"X-Amzn-SageMaker-Session-Id": "NEW_SESSION"}
    response = client.post("/invocations", json=CHAT, headers=headers)
    session_id, expires = response.headers["X-Amzn-SageMaker-Session-Id"].split("; ")
    assert expires.startswith("Expires=") and expires.endswith("Z")
    assert response.json["choices"][0]["message"]["content"] == "Hello"
    assert response.json["receipt"]["session"]["id"] == session_id
    for body in (CHAT, {**CHAT, "stream": True}):
        headers = {"X-Amzn-SageMaker-Session-Id": session_id}
        assert client.post("/invocations", json=body, headers=headers).status_code == 200


def test_a_session_is_closed_by_a_control_body(client_of: AppClient) -> None:
    client = client_of()
    opened = client.post("/invocations", json={"requestType": "NEW_SESSION"})
    session_id = opened.json["session_id"]
    headers = {"X-Amzn-SageMaker-Session-Id": session_id}
    closed = client.post("/invocations", json={"requestType": "CLOSE"}, headers=headers)
    assert closed.headers["X-Amzn-SageMaker-Closed-Session-Id"] == session_id
    again = client.post("/invocations", json=CHAT, headers=headers)
    assert (again.status_code, again.json["error"]["code"]) == (404, "session_not_found")
    assert "NEW_SESSION" in again.json["error"]["message"]


@pytest.mark.parametrize(
    ("header", "body", "code", "param"),
    [
        ("NEW_SESSION", {**CHAT, "stream": True}, "invalid_request", "stream"),
        ("not an id", CHAT, "invalid_request", "session_id"),
        ("unknown", CHAT, "session_not_found", "session_id"),
        ("x", {"requestType": "OPEN"}, "invalid_request", "requestType"),
    ],
)
def test_session_mistakes_are_named(
    client_of: AppClient, header: str, body: dict[str, Any], code: str, param: str
) -> None:
    engine = FakeEngine(tokens_per_second=1)
    client = client_of(engine, warmup_tokens=0)
    headers = {"X-Amzn-SageMaker-Session-Id": header}
    error = client.post("/invocations", json=body, headers=headers).json["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert engine.active == 0
    assert samples_of(client)["keepwarm:sessions_open"] == 0


def test_a_new_session_whose_request_fails_is_not_kept(client_of: AppClient) -> None:
    client = client_of()
    headers = {"X-Amzn-SageMaker-Session-Id": "NEW_SESSION"}
    assert client.post("/invocations", json={}, headers=headers).status_code == 400
    assert samples_of(client)["keepwarm:sessions_open"] == 0


def test_the_other_header_and_the_switch(client_of: AppClient) -> None:
    headers = {"X-Amzn-SageMaker-Session-Id": "NEW_SESSION"}
    renamed = client_of(new_session_header=True).post("/invocations", json=CHAT, headers=headers)
    assert "X-Amzn-SageMaker-New-Session-Id" in renamed.headers
    refused = client_of(stateful_sessions=False).post("/invocations", json=CHAT, headers=headers)
    assert refused.status_code == 400
