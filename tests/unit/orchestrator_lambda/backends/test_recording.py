from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from orchestrator_lambda.backends import recording
from orchestrator_lambda.backends.connections import reset
from orchestrator_lambda.backends.interface import Delta, Item, Receipt

RECEIPT = Receipt(
    finish_reason="stop",
    prompt_tokens=200,
    cached_tokens=150,
    completion_tokens=3,
    backend="fleet",
    raw={},
)


class Recorded(dict[str, Any]):
    def annotate(self, **values: Any) -> None:
        self.update(values)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    found = Recorded()

    @contextmanager
    def span(name: str, **values: Any) -> Iterator[Recorded]:
        found.annotate(**values)
        yield found

    monkeypatch.setattr(recording, "span", span)
    return found


def items(*given: Item, error: Exception | None = None) -> Generator[Item, None, None]:
    yield from given
    if error is not None:
        raise error


def test_a_whole_answer_has_its_reason_and_its_cached_share(said: Recorded) -> None:
    assert list(recording.recorded("fleet", 2, items(Delta("hi"), RECEIPT))) == [
        Delta("hi"),
        RECEIPT,
    ]
    assert said == {"backend": "fleet", "attempt": 2, "outcome": "stop", "cached_share": 0.75}


def test_a_broken_answer_has_the_reason_of_its_failure(said: Recorded) -> None:
    with pytest.raises(type(reset())):
        list(recording.recorded("fleet", 1, items(Delta("hi"), error=reset())))
    assert said["outcome"] == "reset"


def test_an_answer_that_nobody_reads_on_is_cancelled_and_closed(said: Recorded) -> None:
    closed = []

    def endless() -> Generator[Item, None, None]:
        try:
            while True:
                yield Delta("hi")
        finally:
            closed.append(True)

    answer = recording.recorded("fleet", 1, endless())
    next(iter(answer))
    answer.close()  # type: ignore[attr-defined]
    assert (said["outcome"], closed) == ("cancelled", [True])
