"""The default model through the whole server, by the clients that people use."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import boto3
import openai
import pytest
import requests
from botocore.config import Config

from local.sagemaker_runtime import SageMakerRuntime
from tests.support.live_server import LiveServer

PARIS = [{"role": "user", "content": "What is the capital of France?"}]
GREEDY: dict[str, Any] = {"temperature": 0, "max_tokens": 24}


@pytest.fixture
def client(server: LiveServer) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0, timeout=120)


@pytest.fixture
def endpoint(sagemaker: SageMakerRuntime) -> Any:
    return boto3.client(
        "sagemaker-runtime",
        endpoint_url=sagemaker.url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"max_attempts": 0}, read_timeout=120),
    )


def receipt_of(events: list[str]) -> dict[str, Any]:
    """The receipt, which must be the last event before [DONE]."""
    assert events[-1] == "[DONE]"
    receipt: dict[str, Any] = json.loads(events[-2])["receipt"]
    return receipt


def events_of(raw: bytes) -> list[str]:
    return [line.removeprefix("data: ") for line in raw.decode().split("\n\n") if line]


def test_answers_like_generate(client: openai.OpenAI, default_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    answer = client.chat.completions.create(model="", messages=PARIS, **GREEDY)

    tokenizer = AutoTokenizer.from_pretrained(default_model)
    model = AutoModelForCausalLM.from_pretrained(default_model, dtype=torch.float32)
    ids = tokenizer.apply_chat_template(
        PARIS, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    expected = model.generate(**ids, do_sample=False, max_new_tokens=24)[
        0, ids.input_ids.shape[1] :
    ]
    assert answer.choices[0].message.content == tokenizer.decode(expected, skip_special_tokens=True)
    assert "Paris" in str(answer.choices[0].message.content)


@pytest.mark.parametrize("route", ["/v1/completions", "/invocations"])
def test_perplexity_of_a_text_is_that_of_transformers(
    server: LiveServer, default_model: Path, route: str
) -> None:
    text = (
        "The lighthouse stood on the last rock before the open sea. For forty years its keeper had "
        "written down every ship that passed, the weather of the day, and what he had for supper."
    )
    expected = _perplexity(default_model, text)
    body = {"prompt": text, "echo": True, "max_tokens": 0, "logprobs": 0}
    for _ in range(2):  # the second time all of it is in the cache, and told all the same
        answer = requests.post(server.url + route, json=body, timeout=60).json()["choices"][0]
        first, *told = answer["logprobs"]["token_logprobs"]
        assert (answer["text"], first) == (text, None)
        assert math.exp(-sum(told) / len(told)) == pytest.approx(expected, rel=1e-4)


def _perplexity(folder: Path, text: str) -> float:
    """By transformers alone."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt").input_ids
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.inference_mode():
        return math.exp(float(model(ids, labels=ids).loss))


def test_the_next_turn_prefills_only_what_is_new(server: LiveServer) -> None:
    system = {"role": "system", "content": "You are the harbour master. " * 12}
    messages = [system, {"role": "user", "content": "Which berth is free?"}]
    first = _stream(server, messages)
    messages += [
        {"role": "assistant", "content": first["text"]},
        {"role": "user", "content": "And after noon?"},
    ]
    second = _stream(server, messages)

    known = first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
    # All of the first turn but the last partial block, and its last token, is found warm.
    cached = second["usage"]["prompt_tokens_details"]["cached_tokens"]
    assert cached >= known - 17
    assert cached < second["usage"]["prompt_tokens"]


def _stream(server: LiveServer, messages: list[dict[str, str]]) -> dict[str, Any]:
    body = {"messages": messages, "stream": True, "ignore_eos": True, **GREEDY}
    raw = requests.post(f"{server.url}/v1/chat/completions", json=body, timeout=120).content
    events = events_of(raw)
    chunks = [json.loads(event) for event in events[:-1]]
    text = "".join(
        choice["delta"].get("content") or "" for chunk in chunks for choice in chunk["choices"]
    )
    receipt = receipt_of(events)
    assert receipt["sha256"] == hashlib.sha256(text.encode()).hexdigest()
    return {"text": text, "usage": receipt["usage"]}


def test_seed_makes_sampling_repeatable(client: openai.OpenAI) -> None:
    def answer(seed: int) -> str | None:
        reply = client.chat.completions.create(
            model="", messages=PARIS, temperature=1.2, max_tokens=12, seed=seed
        )
        return reply.choices[0].message.content

    assert answer(7) == answer(7)


def test_max_tokens_zero_warms_the_prompt(server: LiveServer) -> None:
    prompt = "Consider the following inventory of lighthouses. " * 8
    body = {"prompt": prompt, "max_tokens": 0}
    warm = requests.post(f"{server.url}/v1/completions", json=body, timeout=60).json()
    assert warm["choices"][0]["text"] == ""
    assert warm["usage"]["completion_tokens"] == 0

    body["max_tokens"] = 2
    usage = requests.post(f"{server.url}/v1/completions", json=body, timeout=60).json()["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] >= usage["prompt_tokens"] - 16


def test_boto3_invokes(endpoint: Any) -> None:
    body = json.dumps({"messages": PARIS, **GREEDY})
    answer = endpoint.invoke_endpoint(
        EndpointName="keepwarm", ContentType="application/json", Body=body
    )
    content = json.loads(answer["Body"].read())
    assert "Paris" in content["choices"][0]["message"]["content"]


def test_boto3_streams_whatever_the_cuts(endpoint: Any) -> None:
    body = json.dumps({"messages": PARIS, "stream": True, **GREEDY})
    stream = endpoint.invoke_endpoint_with_response_stream(
        EndpointName="keepwarm", ContentType="application/json", Body=body
    )["Body"]
    raw = b"".join(event["PayloadPart"]["Bytes"] for event in stream)
    assert receipt_of(events_of(raw))["finish_reason"] == "stop"


def test_a_session_opens_continues_and_closes(endpoint: Any) -> None:
    def invoke(session: str, content: dict[str, Any]) -> Any:
        return endpoint.invoke_endpoint(
            EndpointName="keepwarm",
            ContentType="application/json",
            SessionId=session,
            Body=json.dumps(content),
        )

    opened = invoke("NEW_SESSION", {"messages": PARIS, **GREEDY})
    session = opened["NewSessionId"].split(";")[0]
    assert "Expires=" in opened["NewSessionId"]
    again = invoke(session, {"messages": PARIS, **GREEDY})
    assert json.loads(again["Body"].read())["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
    closed = invoke(session, {"requestType": "CLOSE"})
    assert closed["ClosedSessionId"] == session
    with pytest.raises(endpoint.exceptions.ModelError) as refused:
        invoke(session, {"messages": PARIS, **GREEDY})
    assert "session" in json.loads(refused.value.response["OriginalMessage"])["error"]["code"]
