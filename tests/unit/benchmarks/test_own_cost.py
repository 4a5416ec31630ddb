from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.own_cost import __main__ as own_cost
from benchmarks.own_cost import steps
from benchmarks.own_cost.steps import PARTS, StepCost, Stopwatch, measure_step
from benchmarks.own_cost.waste import waste_of
from serving.request import KVSession, KVUsage


class NoTokenizer:
    """Spells every id as one letter; enough for an answer's assembler."""

    special_tokens: frozenset[str] = frozenset()

    def __init__(self, path: str) -> None:
        self.path = path

    def decode(self, token_ids: list[int], *, skip_special_tokens: bool = True) -> str:
        return "x" * len(token_ids)

    def piece(self, token_id: int) -> str:
        return "x"

    def token_text(self, token_id: int) -> str:
        return "x"


def test_every_part_of_a_step_is_measured_and_the_queue_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(steps, "Tokenizer", NoTokenizer)
    cost = measure_step(Path(os.devnull), running=4, waiting=20, vocabulary=1100, steps=3)
    assert set(cost.parts_ms) == set(PARTS)
    assert all(value > 0 for value in cost.parts_ms.values())
    assert (cost.running, cost.waiting) == (4, 20)


def test_a_part_that_comes_twice_adds_up() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch.part("IPC"):
            pass
    assert watch.seconds.keys() == {"IPC"}


def test_a_line_shows_every_part_and_the_whole() -> None:
    cost = StepCost(256, 10_000, dict.fromkeys(PARTS, 0.25), 1.25)
    assert own_cost.row(cost) == ("| 256 | 10,000 | 0.25 | 0.25 | 0.25 | 0.25 | 0.25 | 1.25 ms |")


def session(blocks: int, tokens: int, *, running: bool) -> KVSession:
    return KVSession(
        label=f"{blocks}", blocks=blocks, shared=0, tokens=tokens, running=running, age_s=0.0
    )


def usage(*sessions: KVSession) -> KVUsage:
    return KVUsage(
        block_size=16, total=99, free=0, cached=0, used=0, shared=0, sessions=[*sessions], other=0
    )


def test_waste_is_what_running_sequences_hold_and_do_not_use() -> None:
    held = usage(session(2, 24, running=True), session(3, 48, running=True))
    assert waste_of(held, 2) == [pytest.approx(8 / 80)]


def test_what_is_warm_is_not_held() -> None:
    held = usage(session(2, 24, running=True), session(9, 144, running=False))
    assert waste_of(held, 1) == [pytest.approx(8 / 32)]


def test_fewer_sequences_than_asked_for_say_nothing() -> None:
    assert waste_of(usage(session(2, 24, running=True)), 2) == []
