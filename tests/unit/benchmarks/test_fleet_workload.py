from __future__ import annotations

import functools
import statistics

from benchmarks.fleet_model.workload import Session, Traffic, sessions

TRAFFIC = Traffic(turns_s=8.0)


@functools.cache
def drawn(seed: int = 1, until: float = 200.0, traffic: Traffic = TRAFFIC) -> list[Session]:
    return list(sessions(traffic, until=until, burst_at=100.0, context=8192, seed=seed))


def test_a_seed_draws_the_same_sessions() -> None:
    assert drawn(1) == drawn.__wrapped__(1) != drawn(2)


def test_no_session_grows_beyond_the_context() -> None:
    traffic = Traffic(turns_s=4.0, turns=60.0)
    lengths = [it.prompt_len(it.turns - 1) + it.answers[-1] for it in drawn(traffic=traffic)]
    assert max(lengths) <= 8192
    assert max(lengths) > 7000


def test_there_are_as_many_at_the_beginning_as_later() -> None:
    first = sum(it.history > 0 for it in drawn())
    expected = TRAFFIC.turns_s * TRAFFIC.turn_s
    assert 0.8 * expected < first < 1.2 * expected


def test_lengths_and_pauses_have_the_means_that_are_asked_for() -> None:
    every = drawn(until=1000.0)
    new = [it for it in every if not it.first]
    assert 0.9 < statistics.mean(it.turns for it in new) / 8 < 1.1
    answers = [count for it in new for count in it.answers]
    pauses = [seconds for it in new for seconds in it.pauses]
    assert 0.9 < statistics.mean(answers) / 160 < 1.1
    assert 0.9 < statistics.mean(pauses) / 45 < 1.1


def test_a_burst_brings_more_sessions_while_it_lasts() -> None:
    def begun(traffic: Traffic, start: float, end: float) -> int:
        return sum(start <= it.starts_at < end for it in drawn(traffic=traffic) if not it.first)

    burst = Traffic(turns_s=8.0, burst=4.0, burst_s=40.0)
    assert begun(burst, 100, 140) > 2.5 * begun(TRAFFIC, 100, 140)
    assert begun(burst, 0, 100) == begun(TRAFFIC, 0, 100)


def test_each_prompt_begins_with_the_one_before_and_its_answer() -> None:
    session = next(it for it in drawn() if it.turns > 2)
    before = session.tokens(session.prompt_len(0) + session.answers[0])
    after = session.tokens(session.prompt_len(1))
    assert after[: len(before)] == before
    assert len(after) - len(before) == session.questions[1]


def test_sessions_share_the_system_prompt_of_their_application_and_nothing_else() -> None:
    one, two, *_ = [it for it in drawn() if it.app == 0]
    (other, *_) = [it for it in drawn() if it.app == 1]
    assert one.tokens(512) == two.tokens(512)
    assert not set(one.tokens(700)[512:]) & set(two.tokens(700))
    assert not set(one.tokens(700)) & set(other.tokens(700))
