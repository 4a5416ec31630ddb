from __future__ import annotations

import json
import logging

import pytest

from orchestrator_lambda.errors import (
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RateLimited,
    StoreUnavailable,
    Unauthenticated,
)
from orchestrator_lambda.http.errors import answering_errors, error_content, error_response
from orchestrator_lambda.http.message import HttpRequest, HttpResponse

REQUEST = HttpRequest(method="GET", path="/", request_id="r-1")


def raising(error):
    def application(request):
        raise error

    return application


def test_the_body_has_all_fields():
    response = error_response(InvalidRequest("the title is too long", param="title"), "r-1")
    assert response.status == 400
    assert json.loads(response.body) == {
        "error": {
            "code": "invalid_request",
            "message": "the title is too long",
            "param": "title",
            "retry_after_ms": None,
            "request_id": "r-1",
        }
    }


@pytest.mark.parametrize(("wait_ms", "seconds"), [(1, "1"), (1000, "1"), (1001, "2"), (0, "1")])
def test_retry_after_is_in_whole_seconds_and_never_too_early(wait_ms, seconds):
    response = error_response(RateLimited("slowly", retry_after_ms=wait_ms))
    assert response.headers["Retry-After"] == seconds
    assert json.loads(response.body)["error"]["retry_after_ms"] == wait_ms


def test_what_may_be_tried_again_always_says_when():
    assert error_content(StoreUnavailable("down"))["error"]["retry_after_ms"] == 1000
    assert "Retry-After" not in error_response(NotFound("gone")).headers


def test_401_says_how_to_authenticate():
    assert error_response(Unauthenticated("no"), "").headers["WWW-Authenticate"] == "Bearer"


def test_405_names_the_methods_that_there_are():
    error = MethodNotAllowed("/x takes GET, PUT", details={"allow": "GET, PUT"})
    assert error_response(error, "").headers["Allow"] == "GET, PUT"


def test_an_unknown_exception_tells_nothing_and_is_logged_by_type_and_place(caplog):
    with caplog.at_level(logging.ERROR):
        response = answering_errors(raising(RuntimeError("my secret words")))(REQUEST)
    assert response.status == 500
    assert b"secret" not in response.body
    assert b"r-1" in response.body
    assert "secret" not in caplog.text
    (record,) = caplog.records
    assert record.error_type == "RuntimeError"
    assert any("application" in place for place in record.error_place)


def test_an_error_that_quotes_what_is_no_text_is_still_answered():
    response = answering_errors(raising(NotFound("no route \ud800")))(REQUEST)
    assert json.loads(response.body)["error"]["message"] == "no route ?"


def test_a_known_error_becomes_its_status():
    assert answering_errors(raising(NotFound("no")))(REQUEST).status == 404


def test_an_error_before_the_first_piece_still_has_a_status():
    def body():
        raise NotFound("no such answer")
        yield b""

    response = answering_errors(lambda request: HttpResponse(body=body()))(REQUEST)
    assert response.status == 404


def test_an_error_after_the_first_piece_breaks_the_stream():
    def body():
        yield b"a"
        raise NotFound("no such answer")

    response = answering_errors(lambda request: HttpResponse(body=body()))(REQUEST)
    assert response.status == 200
    assert next(response.body) == b"a"
    with pytest.raises(NotFound):
        next(response.body)


def test_a_stream_without_a_piece_is_an_empty_body():
    response = answering_errors(lambda request: HttpResponse(body=iter(())))(REQUEST)
    assert response.body == b""
