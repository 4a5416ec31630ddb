from __future__ import annotations

import json

import pytest

from pipelines.errors import SettingsError
from pipelines.target.choose import target_of
from pipelines.target.errors import Interrupted, Refused, TargetError, Unreachable
from pipelines.target.http import HttpTarget
from tests.support.scripted_server import Answer, ScriptedServer


def test_a_body_is_posted_to_invocations_and_the_answer_comes_back() -> None:
    with ScriptedServer(lambda seen: Answer(body=b'{"choices": []}')) as server:
        assert HttpTarget(server.url).invoke({"max_tokens": 1}) == {"choices": []}
    (seen,) = server.seen
    assert (seen.method, seen.path) == ("POST", "/invocations")
    assert json.loads(seen.body) == {"max_tokens": 1}


def test_a_stream_comes_in_pieces() -> None:
    with ScriptedServer(lambda seen: Answer(chunks=[b"one", b"two"])) as server:
        assert b"".join(HttpTarget(server.url).stream({})) == b"onetwo"


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (429, b'{"error": {"message": "queue full"}}', "HTTP 429: queue full"),
        (422, b'{"detail": "Unexpected fields"}', "HTTP 422: Unexpected fields"),
        (502, b"<html>bad</html>", "HTTP 502: <html>bad</html>"),
        (500, b"", "HTTP 500"),
    ],
)
def test_a_refusal_has_status_and_words(status: int, body: bytes, sentence: str) -> None:
    with ScriptedServer(lambda seen: Answer(status=status, body=body)) as server:
        with pytest.raises(Refused, match=sentence) as caught:
            HttpTarget(server.url).invoke({})
        assert caught.value.status == status
        with pytest.raises(Refused):
            list(HttpTarget(server.url).stream({}))


def test_a_stream_that_breaks_off_says_so() -> None:
    with ScriptedServer(lambda seen: Answer(chunks=[b"one"], break_off=True)) as server:
        pieces = HttpTarget(server.url).stream({})
        assert next(pieces) == b"one"
        with pytest.raises(Interrupted, match="broke the answer off"):
            next(pieces)


def test_nobody_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match="does not answer"):
        HttpTarget("http://127.0.0.1:9").invoke({})


@pytest.mark.parametrize("body", [b"{half", b"[1]"])
def test_an_answer_that_is_no_object_is_refused(body: bytes) -> None:
    with (
        ScriptedServer(lambda seen: Answer(body=body)) as server,
        pytest.raises(TargetError, match="JSON"),
    ):
        HttpTarget(server.url).invoke({})


@pytest.mark.parametrize("endpoint", ["ftp://x", "http://", "a_b", "-x", "x" * 64, ""])
def test_what_is_neither_url_nor_name_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError, match="endpoint must be"):
        target_of(endpoint, attempts=1)
