from dataclasses import replace

import pytest

from orchestrator_lambda.errors import InvalidRequest
from orchestrator_lambda.identity.record import Identity
from orchestrator_lambda.turns.asked import Asked, Kind, check_key, fresh_key

ASKED = Asked(identity=Identity(user="ann"), conversation_id="c", content="Hello?")


@pytest.mark.parametrize(
    "change",
    [
        {"content": "Hello!"},
        {"kind": Kind.EDIT},
        {"target": 3},
        {"sampling": {"temperature": 0.5}},
    ],
)
def test_the_digest_tells_requests_apart(change: dict[str, object]) -> None:
    assert replace(ASKED, **change).digest != ASKED.digest  # type: ignore[arg-type]


def test_the_digest_is_of_the_request_alone() -> None:
    same = replace(ASKED, key="k", request_id="r", trace={"traceparent": "x"})
    assert same.digest == ASKED.digest


@pytest.mark.parametrize(
    "key", [None, "a", "x" * 128, pytest.param(fresh_key(), id="one of our own")]
)
def test_keys_that_may_be_stored(key: str | None) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize("key", ["", "x" * 129, "a b", "a\n", "ü"])
def test_keys_that_may_not(key: str) -> None:
    with pytest.raises(InvalidRequest):
        check_key(key)
