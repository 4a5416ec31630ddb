"""Bad input: each gets a status, a stable code, and a sentence that names what is wrong."""

from typing import Any

import pytest

from tests.integration.orchestrator_lambda.api.conftest import House

MESSAGES = "/v1/conversations/{talk}/messages"


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (b"", 400, None),
        (b"{", 400, None),
        (b"\xff", 400, None),
        (b"[]", 400, None),
        ({}, 400, "content"),
        ({"content": None}, 400, "content"),
        ({"content": 5}, 400, "content"),
        ({"content": " \n"}, 400, "content"),
        ({"content": "\ud800"}, 400, "content"),
        ({"content": "x" * 200_001}, 413, "content"),
        ({"content": "hi", "contents": 1}, 400, "contents"),
        ({"content": "hi", "parent": "1"}, 400, "parent"),
        ({"content": "hi", "parent": -1}, 400, "parent"),
        ({"content": "hi", "parent": True}, 400, "parent"),
        ({"content": "hi", "parent": 77}, 404, None),
        ({"content": "hi", "parent": 1}, 400, "parent"),
        ({"content": "hi", "stream": 1}, 400, "stream"),
        ({"content": "hi", "max_tokens": 0}, 400, "max_tokens"),
        ({"content": "hi", "max_tokens": 10**9}, 400, "max_tokens"),
        ({"content": "hi", "max_tokens": "5"}, 400, "max_tokens"),
        ({"content": "hi", "temperature": 3}, 400, "temperature"),
        ({"content": "hi", "temperature": float("nan")}, 400, "temperature"),
        ({"content": "hi", "top_p": "x"}, 400, "top_p"),
        ({"content": "hi", "seed": 1.5}, 400, "seed"),
        ({"content": "hi", "stop": [1]}, 400, "stop"),
        ({"content": "hi", "stop": [""]}, 400, "stop"),
        ({"content": "hi", "stop": ["a"] * 5}, 400, "stop"),
    ],
)
def test_a_message_that_cannot_be_posted(
    house: House, body: Any, status: int, param: str | None
) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()

    answer = ann.call("POST", MESSAGES.format(talk=talk), body)

    error = answer.json()["error"]
    assert answer.status == status
    assert error["param"] == param
    assert error["message"]
    assert len(ann.shown(talk)) == 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("GET", "/v1/conversations/c_short", None, 404),
        ("GET", "/v1/conversations/..%2f", None, 404),
        ("POST", "/v1/me", {}, 405),
        ("GET", "/v1/conversations?limit=0", None, 400),
        ("GET", "/v1/conversations?limit=101", None, 400),
        ("GET", "/v1/conversations?limit=x", None, 400),
        ("GET", "/v1/conversations?cursor=nonsense", None, 400),
        ("POST", "/v1/conversations", {"title": "x" * 201}, 413),
        ("POST", "/v1/conversations", {"system": "x" * 32_001}, 413),
        ("POST", "/v1/conversations", {"model": "gpt-9"}, 400),
        ("POST", "/v1/conversations", {"titel": "x"}, 400),
        ("PATCH", "/v1/conversations/{talk}", {"title": ""}, 400),
        ("PATCH", "/v1/conversations/{talk}", {"title": 3}, 400),
        ("PUT", "/v1/conversations/{talk}/head", {"seq": 0}, 400),
        ("PUT", "/v1/conversations/{talk}/head", {"seq": 99}, 404),
        ("GET", "/v1/conversations/{talk}?leaf=99", None, 404),
        ("POST", "/v1/conversations/{talk}/messages/2/edit", {"content": "x"}, 400),
        ("POST", "/v1/conversations/{talk}/messages/9/edit", {"content": "x"}, 404),
        ("POST", "/v1/conversations/{talk}/messages/9/regenerate", None, 404),
        ("POST", "/v1/conversations/{talk}/messages/x/regenerate", None, 404),
        ("GET", "/v1/conversations/{talk}/messages/1/stream", None, 400),
        ("GET", "/v1/conversations/{talk}/messages/2/stream?after=x", None, 400),
        ("POST", "/v1/conversations/{talk}/messages/1/stop", None, 400),
        ("PUT", "/v1/conversations/{talk}/messages/2/feedback", {"rating": "great"}, 400),
        ("PUT", "/v1/conversations/{talk}/messages/1/feedback", {"rating": "up"}, 400),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_done(
    house: House, method: str, path: str, body: Any, status: int
) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()

    answer = ann.call(method, path.format(talk=talk), body)

    assert answer.status == status
    assert answer.json()["error"]["message"]


def test_an_idempotency_key_must_be_short_and_printable(house: House) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    for key in ("x" * 129, "a b", "ä"):
        assert ann.post(talk, "Hello?", headers={"Idempotency-Key": key}).status == 400


def test_a_slash_at_the_end_and_head_are_taken_kindly(house: House) -> None:
    ann = house.client("input")
    assert ann.call("GET", "/v1/conversations/").status == 200
    assert ann.call("HEAD", "/v1/health").status == 200


def test_too_many_requests_are_told_when_to_come_again(house: House) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    house.sessions.wait_ms = 1_700

    refused = ann.post(talk, "Hello?")

    assert refused.status == 429
    assert refused.response.headers["Retry-After"] == "2"
    assert refused.json()["error"]["retry_after_ms"] == 1_700


def test_a_repeated_request_costs_nothing_of_the_rate(house: House) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    key = {"Idempotency-Key": "once"}
    ann.post(talk, "Hello?", headers=key).all()
    house.sessions.wait_ms = 1_700

    assert ann.post(talk, "Hello?", headers=key).all()[-1].kind == "done"


def test_a_used_up_quota_is_refused_until_midnight(house: House) -> None:
    ann = house.client("input")
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    assert sum(house.sessions.spent.values()) == 3
    house.sessions.tokens_left = 0

    refused = ann.post(talk, "More?")

    assert (refused.status, refused.json()["error"]["code"]) == (429, "quota_exceeded")
    assert 0 < refused.json()["error"]["retry_after_ms"] <= 86_400_000


def test_a_message_longer_than_the_context_is_refused_before_anything_is_stored(
    house: House,
) -> None:
    ann = house.client("input", prompt_high=100, prompt_low=50)
    talk = ann.new_conversation()

    refused = ann.post(talk, "word " * 200)

    assert (refused.status, refused.json()["error"]["code"]) == (400, "context_length_exceeded")
    assert ann.shown(talk) == []
