from __future__ import annotations

import json

import pytest

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.http.message import HttpRequest, json_response


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"\xed\xa0\x80", b"[" * 100_000])
def test_a_body_that_is_no_json_is_the_callers_mistake(body):
    with pytest.raises(InvalidRequest):
        HttpRequest(method="POST", path="/", body=body).json()


def test_a_json_body():
    assert HttpRequest(method="POST", path="/", body='{"a": "ü"}'.encode()).json() == {"a": "ü"}


def test_work_for_afterwards_is_kept_in_order():
    request, done = HttpRequest(method="GET", path="/"), []
    request.after(lambda: done.append(1))
    request.after(lambda: done.append(2))
    for work in request.hooks:
        work()
    assert done == [1, 2]


def test_the_repr_of_a_request_has_neither_body_nor_identity():
    request = HttpRequest(method="POST", path="/", body=b"my secret words")
    assert "secret" not in repr(request)


def test_a_json_response_is_kept_by_no_cache():
    response = json_response({"a": "ü"}, status=201, headers={"Location": "/x"})
    assert json.loads(response.body) == {"a": "ü"}
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Location"] == "/x"
