"""One application, answered for in whole and in pieces."""

from __future__ import annotations

import base64
import json

import pytest

from orchestrator_lambda.errors import NotFound
from orchestrator_lambda.events.answers import ALB_LIMIT, LAMBDA_LIMIT
from orchestrator_lambda.events.invocation import EventSettings, Invocation
from orchestrator_lambda.http.cors import CorsPolicy
from orchestrator_lambda.http.message import HttpResponse, json_response
from orchestrator_lambda.runtime.answer import (
    DELIMITER,
    PRELUDE_LIMIT,
    BufferedAnswer,
    StreamedAnswer,
    finish,
)
from orchestrator_lambda.runtime.handler import LambdaHandler
from tests.events.load import load_event

INVOCATION = Invocation(request_id="r-1")
SSE = {"Content-Type": "text/event-stream"}


class Context:
    aws_request_id = "r-1"

    def get_remaining_time_in_millis(self):
        return 1234


def begin(response, event="rest", **options):
    application = response if callable(response) else lambda request: response
    if isinstance(event, str):
        event = load_event(event)
    return LambdaHandler(application, **options).begin(event, INVOCATION)


def opened(answer):
    """Status and headers of a streamed answer."""
    prelude, delimiter, rest = answer.prelude.partition(DELIMITER)
    assert (delimiter, rest) == (DELIMITER, b"")
    return json.loads(prelude)


def error_code(body):
    return json.loads(body)["error"]["code"]


def test_a_streamed_answer_is_its_prelude_and_its_pieces():
    response = HttpResponse(status=201, headers=SSE, cookies=["a=1"], body=iter([b"x", b"y"]))
    answer = begin(response)
    assert isinstance(answer, StreamedAnswer)
    content = opened(answer)
    assert content["statusCode"] == 201
    assert content["headers"]["Content-Type"] == "text/event-stream"
    assert content["headers"]["X-Request-Id"] == "r-1"
    assert content["cookies"] == ["a=1"]
    assert list(answer.pieces) == [b"x", b"y"]


def test_a_whole_body_is_streamed_too_where_the_integration_streams():
    answer = begin(json_response({"a": 1}))
    assert b"".join(answer.pieces) == b'{"a":1}'


@pytest.mark.parametrize(
    "event", ["http_api_v2", "alb", "alb_multi_value", "direct", "http_api_v1"]
)
def test_other_events_get_the_same_answer_as_a_whole(event):
    answer = begin(HttpResponse(headers=SSE, body=iter([b"x", b"y"])), event)
    assert isinstance(answer, BufferedAnswer)
    assert answer.content["body"] == "xy"
    json.dumps(answer.content)


@pytest.mark.parametrize("event", ["rest", "alb"])
def test_an_application_that_raises_is_answered_for(event):
    def application(request):
        raise NotFound("no such conversation")

    answer = begin(application, event)
    if isinstance(answer, StreamedAnswer):
        assert opened(answer)["statusCode"] == 404
        assert error_code(b"".join(answer.pieces)) == "not_found"
    else:
        assert answer.content["statusCode"] == 404


def test_a_whole_answer_that_breaks_off_becomes_an_error():
    def body():
        yield b"x"
        raise RuntimeError("my secret words")

    answer = begin(HttpResponse(headers=SSE, body=body()), "alb")
    assert answer.content["statusCode"] == 500
    assert "secret" not in answer.content["body"]


@pytest.mark.parametrize(("event", "limit"), [("alb", ALB_LIMIT), ("http_api_v2", LAMBDA_LIMIT)])
def test_an_answer_that_is_too_large_is_made_to_its_end_and_becomes_a_clear_error(event, limit):
    made = []

    def body():
        for _ in range(limit // 65536 + 2):
            made.append(1)
            yield b"x" * 65536

    answer = begin(HttpResponse(headers=SSE, body=body()), event)
    assert len(made) == limit // 65536 + 2
    assert answer.content["statusCode"] == 413
    assert str(limit) in json.loads(answer.content["body"])["error"]["message"]


def test_an_answer_just_under_the_limit_that_grows_by_its_encoding():
    answer = begin(HttpResponse(body=b"\xff" * (ALB_LIMIT - 2000)), "alb")
    assert answer.content["statusCode"] == 413


@pytest.mark.parametrize(
    "fields",
    [
        {"headers": {"X": "a" * PRELUDE_LIMIT}},
        {"cookies": ["a" * 5000] * 4},
        {"headers": {"X": "a\r\nY: b"}},
    ],
)
@pytest.mark.parametrize("event", ["rest", "alb"])
def test_headers_that_cannot_be_sent_become_an_error_and_the_body_is_still_made(fields, event):
    made = []

    def body():
        made.append(1)
        yield b"x"
        made.append(2)

    answer = begin(HttpResponse(body=body(), **fields), event)
    if isinstance(answer, StreamedAnswer):
        assert len(answer.prelude) <= PRELUDE_LIMIT
        assert opened(answer)["statusCode"] == 500
    assert made == [1, 2]


@pytest.mark.parametrize("event", ["rest", "alb"])
def test_head_and_204_have_no_body_which_is_made_all_the_same(event):
    made = []

    def body():
        yield b"x"
        made.append(1)

    for response, method in [
        (HttpResponse(body=body()), "HEAD"),
        (HttpResponse(status=204, body=body()), "GET"),
    ]:
        made.clear()
        answer = begin(response, load_event(event, httpMethod=method))
        if isinstance(answer, StreamedAnswer):
            assert list(answer.pieces) == []
        else:
            assert answer.content["body"] == ""
        assert made == [1]


def test_a_request_that_cannot_be_read_is_answered_in_the_events_own_shape_with_cors():
    policy = CorsPolicy(origins=frozenset({"https://a.example.com"}))
    event = load_event("alb", body="!", isBase64Encoded=True)
    event["headers"]["origin"] = "https://a.example.com"
    answer = begin(HttpResponse(), event, cors=policy)
    assert answer.content["statusCode"] == 400
    assert answer.content["headers"]["Access-Control-Allow-Origin"] == "https://a.example.com"


def test_a_body_over_the_limit_never_reaches_the_application():
    def application(request):
        raise AssertionError("reached")

    event = load_event("rest", body="x" * 2000)
    answer = begin(application, event, settings=EventSettings(max_body_bytes=1024))
    assert opened(answer)["statusCode"] == 413


def test_errors_of_the_application_have_cors_headers():
    def application(request):
        raise NotFound("no")

    event = load_event("rest")
    event["multiValueHeaders"]["Origin"] = ["https://a.example.com"]
    policy = CorsPolicy(origins=frozenset({"https://a.example.com"}))
    headers = opened(begin(application, event, cors=policy))["headers"]
    assert headers["Access-Control-Allow-Origin"] == "https://a.example.com"


def test_work_after_the_answer_is_done_in_order_and_one_failure_stops_nothing(capsys):
    done = []

    def application(request):
        def first():
            done.append(1)
            request.after(lambda: done.append(3))
            raise RuntimeError("x")

        request.after(first)
        request.after(lambda: done.append(2))
        return HttpResponse()

    answer = begin(application)
    assert done == []
    finish(answer)
    assert done == [1, 2, 3]


@pytest.mark.parametrize(
    ("event", "content"),
    [
        (load_event("warmer"), {"ok": True, "kind": "ping"}),
        (load_event("scheduled"), {"ok": True, "kind": "scheduled"}),
        (load_event("table_stream"), {"ok": True, "kind": "scheduled"}),
    ],
)
def test_events_without_a_request_have_a_defined_answer(event, content):
    def application(request):
        raise AssertionError("reached")

    assert begin(application, event).content == content


@pytest.mark.parametrize("event", [None, 5, "x", [], {}, load_event("sqs")])
def test_unknown_events_crash_nothing(event):
    answer = LambdaHandler(lambda request: HttpResponse()).begin(event, INVOCATION)
    assert answer.content["ok"] is False
    assert answer.content["kind"] == "unknown"


def test_a_schedule_may_be_served():
    def sweep(event, invocation):
        return {"swept": 3, "for": invocation.request_id}

    answer = begin(HttpResponse(), "scheduled", scheduled=sweep)
    assert answer.content == {"ok": True, "kind": "scheduled", "swept": 3, "for": "r-1"}


def test_a_change_in_the_table_is_a_call_to_sweep():
    def sweep(event, invocation):
        return {"swept": 1}

    answer = begin(HttpResponse(), "table_stream", scheduled=sweep)
    assert answer.content == {"ok": True, "kind": "scheduled", "swept": 1}


def test_under_the_managed_runtime_every_answer_is_whole_and_nothing_is_left_to_do(capsys):
    done = []

    def application(request):
        request.after(lambda: done.append(request.remaining_ms()))
        return HttpResponse(headers=SSE, body=iter([b"x", b"y"]))

    content = LambdaHandler(application)(load_event("rest"), Context())
    assert (content["statusCode"], content["body"]) == (200, "xy")
    assert done == [1234]


def test_under_the_managed_runtime_requests_know_that_nothing_streams(capsys):
    def application(request):
        return json_response({"streaming": request.streaming, "id": request.request_id})

    content = LambdaHandler(application)(load_event("rest"), Context())
    assert json.loads(content["body"]) == {"streaming": False, "id": "r-1"}


def test_bytes_that_are_no_text_survive(capsys):
    content = LambdaHandler(lambda request: HttpResponse(body=b"\x00\xff"))(
        load_event("rest"), Context()
    )
    assert base64.b64decode(content["body"]) == b"\x00\xff"
