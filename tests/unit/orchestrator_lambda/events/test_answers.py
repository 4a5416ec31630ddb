"""The answer, in the shape that each front door wants."""

from __future__ import annotations

import base64

import pytest

from orchestrator_lambda.errors import PayloadTooLarge
from orchestrator_lambda.events.answers import ALB_LIMIT, UnfitHeader, body_fields, require_fit
from orchestrator_lambda.events.kinds import classify
from orchestrator_lambda.http.message import HttpResponse
from tests.events.load import load_event

TEXT = {"Content-Type": "application/json"}


def answer(name, **fields):
    response = HttpResponse(**{"headers": TEXT, "body": '{"ü": 1}'.encode(), **fields})
    return classify(load_event(name))[1].answer(response)


def test_rest_puts_cookies_among_the_headers_with_several_values():
    assert answer("rest", status=201, cookies=["a=1; Secure", "b=2"]) == {
        "statusCode": 201,
        "headers": TEXT,
        "multiValueHeaders": {"Set-Cookie": ["a=1; Secure", "b=2"]},
        "body": '{"ü": 1}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize("name", ["http_api_v2", "function_url", "direct"])
def test_format_2_has_cookies_of_its_own(name):
    content = answer(name, cookies=["a=1"])
    assert content["cookies"] == ["a=1"]
    assert "multiValueHeaders" not in content
    assert "cookies" not in answer(name)


def test_a_load_balancer_wants_a_description():
    assert answer("alb", status=429)["statusDescription"] == "429 Too Many Requests"
    assert answer("alb", status=599)["statusDescription"] == "599 Unknown"


def test_a_load_balancer_gets_the_mode_it_asked_in():
    single = answer("alb", cookies=["a=1"])
    assert single["headers"] == {**TEXT, "Set-Cookie": "a=1"}
    assert "multiValueHeaders" not in single
    several = answer("alb_multi_value", cookies=["a=1", "b=2"])
    assert several["multiValueHeaders"]["Set-Cookie"] == ["a=1", "b=2"]
    assert several["multiValueHeaders"]["Content-Type"] == ["application/json"]
    assert "headers" not in several


@pytest.mark.parametrize(
    ("content_type", "body", "is_text"),
    [
        ("text/plain", "ü".encode(), True),
        ("text/event-stream; charset=utf-8", b"data: 1\n\n", True),
        ("application/problem+json", b"{}", True),
        ("Application/JSON", b"{}", True),
        ("text/plain", b"\xff", False),
        ("image/png", b"\x89PNG", False),
        ("", b"text", False),
        ("application/octet-stream", b"", False),
    ],
)
def test_text_goes_as_text_and_all_else_as_base64(content_type, body, is_text):
    fields = body_fields(HttpResponse(headers={"content-type": content_type}, body=body))
    if is_text:
        assert fields == {"body": body.decode(), "isBase64Encoded": False}
    else:
        assert base64.b64decode(fields["body"]) == body
        assert fields["isBase64Encoded"] is bool(body)


def test_compressed_text_is_no_text():
    headers = {**TEXT, "Content-Encoding": "gzip"}
    assert body_fields(HttpResponse(headers=headers, body=b"abc"))["isBase64Encoded"]


def test_204_has_no_body():
    assert body_fields(HttpResponse(status=204, body=b"x"))["body"] == ""


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X": "a\r\nSet-Cookie: evil=1"}},
        {"headers": {"X\n": "a"}},
        {"headers": {"": "a"}},
        {"headers": {"X": "日本"}},
        {"cookies": ["a=1\nb"]},
    ],
)
def test_a_header_cannot_begin_another(fields):
    with pytest.raises(UnfitHeader):
        answer("rest", **fields)


def test_the_limit_counts_the_whole_answer_as_it_goes_over_the_wire():
    require_fit({"body": "x" * (ALB_LIMIT - 12)}, ALB_LIMIT)
    for body in ("x" * (ALB_LIMIT - 11), "ü" * (ALB_LIMIT // 2), '"' * (ALB_LIMIT // 2)):
        with pytest.raises(PayloadTooLarge, match=str(ALB_LIMIT)):
            require_fit({"body": body}, ALB_LIMIT)
