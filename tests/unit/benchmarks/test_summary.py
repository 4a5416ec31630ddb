"""The arithmetic of the report, against numbers computed by hand."""

from __future__ import annotations

import pytest

from benchmarks.summary import summarise, tokens_per_second
from pipelines.speed.records import Outcome
from tests.unit.benchmarks.records_for_tests import run, turn


def test_a_run_by_hand() -> None:
    # Two sessions of two turns, three tokens each: 12 tokens in 6 seconds.
    record = run(
        turn(0, 0, sent=0.0, times=(1.0, 1.1, 1.2), prompt_tokens=100, cached_tokens=0),
        turn(1, 0, sent=0.0, times=(2.0, 2.1, 2.2), prompt_tokens=100, cached_tokens=80),
        turn(0, 1, sent=1.2, times=(1.6, 1.8, 2.0), prompt_tokens=200, cached_tokens=160),
        turn(1, 1, sent=2.2, times=(2.8, 4.0, 6.0), prompt_tokens=200, cached_tokens=180),
        wall=6.0,
    )
    summary = summarise([record])
    assert summary.tokens_per_s == pytest.approx(2.0)
    first, second = summary.by_turn
    assert first.ttft_p50 == pytest.approx(1.5)  # of 1.0 and 2.0
    assert first.ttft_p99 == pytest.approx(1.99)
    assert second.ttft_p50 == pytest.approx(0.5)  # of 0.4 and 0.6
    assert summary.ttft_last_to_first == pytest.approx(1 / 3)
    assert first.itl_p50 == pytest.approx(0.1)
    assert second.itl_p50 == pytest.approx(0.7)  # of 0.2, 0.2, 1.2, 2.0
    assert summary.overall.ttft_p50 == pytest.approx(0.8)  # of 0.4, 0.6, 1.0, 2.0
    assert first.cached_share == pytest.approx(0.4)  # 80 of 200
    assert second.cached_share == pytest.approx(0.85)  # 340 of 400
    assert summary.overall.cached_share == pytest.approx(0.7)  # 420 of 600
    assert (summary.turns_complete, summary.turns_asked, summary.short_answers) == (4, 4, 0)


def test_repeats_give_the_median_of_each_number_and_their_range() -> None:
    runs = [run(turn(times=(ttft, 5.0, 6.0)), wall=wall) for ttft, wall in [(1, 6), (4, 3), (2, 2)]]
    summary = summarise(runs)
    assert summary.tokens_per_s == pytest.approx(1.0)  # of 0.5, 1.0, 1.5
    assert summary.tokens_per_s_range == pytest.approx((0.5, 1.5))
    assert summary.overall.ttft_p50 == 2.0
    assert summary.wall_s == 3.0
    assert summary.repeats == 3


def test_a_cut_run_counts_the_tokens_that_came_and_says_that_it_was_cut() -> None:
    record = run(
        turn(0, 0, times=(1.0, 2.0, 3.0)),
        turn(0, 1, sent=3.0, times=(4.0,), outcome=Outcome.CUT),
        wall=4.0,
    )
    summary = summarise([record])
    assert tokens_per_second(record) == 1.0
    assert (summary.was_cut, summary.turns_complete, summary.turns_asked) == (True, 1, 2)
    assert summary.overall.seconds_per_token_p50 == 1.0  # the complete turn alone


def test_turns_that_never_came_leave_gaps_not_zeros() -> None:
    record = run(turn(0, 0, times=(1.0,)), turn(1, 1, times=(), outcome=Outcome.ERROR), wall=2.0)
    second = summarise([record]).by_turn[1]
    assert (second.ttft_p50, second.itl_p99, second.cached_share) == (None, None, None)


def test_short_answers_and_client_side_counts_are_noticed() -> None:
    record = run(turn(times=(1.0, 2.0), counted_by_server=False), wall=2.0, tokens=3)
    summary = summarise([record])
    assert summary.short_answers == 1
    assert summary.counted_by_client


def test_errors_are_kept() -> None:
    failed = turn(times=(), outcome=Outcome.ERROR, error="HTTP 429: queue full")
    assert summarise([run(failed, wall=1.0)]).errors == ("HTTP 429: queue full",)


def test_answers_are_compared_with_the_baselines_turn_by_turn() -> None:
    baseline = [run(turn(0, 0, times=(1.0,)), turn(0, 1, times=(1.0,)), wall=1.0)]
    other = run(
        turn(0, 0, times=(1.0,)), turn(0, 1, times=(1.0,), text="another"), wall=1.0, peer="other"
    )
    assert summarise([other], baseline).same_answers == 0.5
    assert summarise([other]).same_answers is None


def test_a_summary_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        summarise([])
