"""Work in a process of its own: answers come back, nothing else does."""

from __future__ import annotations

import os
import time
from typing import Any

import pytest

from pipelines.model import apart as module
from pipelines.model.apart import TooLarge, TooSlow, apart


def test_the_answer_comes_back() -> None:
    assert apart(lambda: {"pid": os.getpid() != os.getppid(), "text": "ü" * 100_000}, 10) == {
        "pid": True,
        "text": "ü" * 100_000,
    }


def test_what_it_changes_stays_there() -> None:
    changed: list[int] = []
    assert apart(lambda: changed.append(1), 10) is None
    assert changed == []


@pytest.mark.parametrize("work", [lambda: 9 ** (9**9), lambda: time.sleep(60)])
def test_what_does_not_end_is_killed(work: Any) -> None:
    with pytest.raises(TooSlow):
        apart(work, 0.2)


def test_it_has_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMORY", 64 << 20)
    with pytest.raises(TooLarge):
        apart(lambda: len("x" * (512 << 20)), 10)
    assert len("x" * (128 << 20)) == 128 << 20  # here the limit is not


@pytest.mark.parametrize("work", [lambda: 1 / 0, lambda: os._exit(3), object])
def test_what_breaks_gives_no_answer(work: Any) -> None:
    with pytest.raises(TooLarge):
        apart(work, 10)
