"""When a backend is left alone, and when it is tried again."""

from __future__ import annotations

import pytest

from orchestrator_lambda.backends.breaker import Breaker, BreakerPolicy


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(BreakerPolicy(failures=3, window=10, rate=0.5, open_s=1, max_open_s=4), clock)


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        assert breaker.admit()
        breaker.failed()


def test_it_opens_after_some_failures_in_a_row(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.admit()
    breaker.failed()
    assert not breaker.admit()
    assert breaker.available_in() == 1


def test_a_success_in_between_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(3):
        fail(breaker, 2)
        assert breaker.admit()
        breaker.succeeded()
    assert breaker.admit()


def test_half_of_a_window_of_failures_opens_it(breaker: Breaker) -> None:
    for _ in range(5):
        assert breaker.admit()
        breaker.succeeded()
        fail(breaker)
    assert not breaker.admit()


def test_one_trial_at_a_time_decides(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    assert breaker.admit()
    assert not breaker.admit(), "a second trial"
    breaker.alive()
    assert breaker.admit() and breaker.admit()


def test_each_failed_trial_doubles_the_wait_to_a_limit(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    waits = []
    for _ in range(4):
        clock.now += breaker.available_in()
        fail(breaker)
        waits.append(breaker.available_in())
    assert waits == [2, 4, 4, 4]
    clock.now += 4
    assert breaker.admit()
    breaker.succeeded()
    fail(breaker, 3)
    assert breaker.available_in() == 1, "a recovery makes it young again"


def test_a_backend_that_begins_every_answer_and_ends_none_is_left_alone(
    breaker: Breaker, clock: Clock
) -> None:
    for _ in range(3):
        assert breaker.admit()
        breaker.alive()
        breaker.failed()
    assert not breaker.admit()
    clock.now += 1
    assert breaker.admit()
    breaker.alive()
    breaker.failed()
    assert breaker.available_in() == 2, "it has not recovered"


def test_a_trial_without_verdict_lets_the_next_try(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    assert breaker.admit()
    breaker.dropped()
    assert breaker.admit()


def test_busy_is_a_pause_and_no_failure(breaker: Breaker, clock: Clock) -> None:
    for _ in range(50):
        assert breaker.admit()
        breaker.busy(0.5)
        assert not breaker.admit()
        assert breaker.available_in() == pytest.approx(0.5)
        clock.now += 0.5


def test_busy_ends_a_trial_well(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 1
    assert breaker.admit()
    breaker.busy(0)
    assert breaker.admit() and breaker.admit()


def test_a_pause_is_believed_up_to_a_limit(breaker: Breaker) -> None:
    breaker.busy(10_000)
    assert breaker.available_in() == 30
    breaker.busy(-5)
    assert breaker.available_in() == 0


def test_failures_while_it_is_open_do_not_keep_it_open_longer(
    breaker: Breaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now += 0.5
    breaker.failed()  # of a request that was under way
    assert breaker.available_in() == 0.5
