"""The wait for the next turn: short, only behind an answer's end, and only while it pays."""

from __future__ import annotations

import pytest

from serving.engine.anticipation import LONGEST_S, RARELY, SHARE, Anticipation

STEP_S = 0.02


def waits(anticipation: Anticipation, answers: int, *, came: bool) -> int:
    """How many of so many answers' ends are waited behind, each wait ending alike."""
    count = 0
    for _ in range(answers):
        if anticipation.wait_s(STEP_S, ended=True):
            count += 1
            anticipation.learn(came=came)
    return count


def test_there_is_no_wait_where_no_answer_ended() -> None:
    assert Anticipation().wait_s(STEP_S, ended=False) == 0.0


@pytest.mark.parametrize(
    ("step_s", "wait_s"),
    [(0.001, 0.0), (0.02, SHARE * 0.02), (0.5, LONGEST_S)],
    ids=["too short to gain anything", "a share of the step", "never long"],
)
def test_it_is_a_share_of_a_step(step_s: float, wait_s: float) -> None:
    assert Anticipation().wait_s(step_s, ended=True) == pytest.approx(wait_s)


def test_it_goes_on_while_next_turns_come() -> None:
    assert waits(Anticipation(), 1000, came=True) == 1000


def test_it_goes_on_where_every_second_one_comes() -> None:
    anticipation = Anticipation()
    pairs = [
        waits(anticipation, 1, came=True) + waits(anticipation, 1, came=False) for _ in range(100)
    ]
    assert pairs == [2] * 100


def test_clients_that_think_cost_a_rare_wait() -> None:
    anticipation = Anticipation()
    assert waits(anticipation, 20, came=False) < 10
    assert waits(anticipation, 100 * RARELY, came=False) == 100


def test_it_comes_back_when_they_answer_at_once_again() -> None:
    anticipation = Anticipation()
    waits(anticipation, 100, came=False)
    waits(anticipation, 3 * RARELY, came=True)
    assert waits(anticipation, 100, came=True) == 100
