import redis

from orchestrator_lambda.sessions.guard import Guard


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def failing() -> str:
    raise redis.ConnectionError("away")


def test_after_some_failures_in_a_row_nothing_is_called_for_a_while() -> None:
    clock, calls = Clock(), []
    guard = Guard(2, 10.0, clock)

    def counted() -> str:
        calls.append(clock.now)
        return failing()

    assert [guard.call(counted, "no") for _ in range(5)] == ["no"] * 5
    assert len(calls) == 2
    clock.now = 10.0
    guard.call(counted, "no")
    guard.call(counted, "no")
    assert len(calls) == 3


def test_one_that_works_closes_the_matter() -> None:
    clock = Clock()
    guard = Guard(2, 10.0, clock)
    guard.call(failing, None)
    assert guard.degraded
    assert guard.call(lambda: "yes", "no") == "yes"
    assert not guard.degraded
    guard.call(failing, None)
    assert guard.call(lambda: "yes", "no") == "yes"


def test_what_is_no_failure_of_redis_is_passed_on() -> None:
    guard = Guard(1, 10.0)
    try:
        guard.call(lambda: 1 // 0, None)
    except ZeroDivisionError:
        assert not guard.degraded
    else:
        raise AssertionError("it was swallowed")
