"""The arithmetic of latencies, against numbers computed by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.speed.summary import latencies, percentile, ratio
from tests.unit.benchmarks.records_for_tests import turn


def test_percentiles_interpolate_between_ranks() -> None:
    values = [40.0, 10.0, 30.0, 20.0]  # ranks 0, 1, 2, 3 are 10, 20, 30, 40
    assert percentile(values, 0.5) == 25.0  # rank 1.5
    assert percentile(values, 0.99) == pytest.approx(39.7)  # rank 2.97
    assert percentile(values, 0.0) == 10.0
    assert percentile(values, 1.0) == 40.0
    assert percentile([7.0], 0.99) == 7.0
    assert percentile([], 0.5) is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=50), st.floats(0, 1))
def test_percentiles_are_those_of_numpy(values: list[float], q: float) -> None:
    assert percentile(values, q) == pytest.approx(float(np.quantile(values, q)), abs=1e-6)


@pytest.mark.parametrize("q", [-0.1, 1.1, float("nan"), 99])
def test_a_percentile_outside_0_to_1_is_refused(q: float) -> None:
    with pytest.raises(ValueError, match="q must be"):
        percentile([1.0], q)


def test_a_turn_by_hand() -> None:
    one = turn(sent=1.0, times=(1.5, 1.6, 1.9))
    assert one.ttft_s == pytest.approx(0.5)
    assert one.gaps_s == pytest.approx([0.1, 0.3])
    assert one.seconds_per_token == pytest.approx(0.2)  # 0.4 s for two tokens after the first


def test_tokens_sent_together_shorten_no_time_per_token() -> None:
    one = turn(sent=0.0, times=(1.0, 2.0), output_tokens=9)
    assert one.seconds_per_token == pytest.approx(1.0 / 8)


def test_a_turn_without_text_has_no_latency() -> None:
    silent = turn(sent=1.0, times=())
    assert (silent.ttft_s, silent.gaps_s, silent.seconds_per_token) == (None, [], None)


def test_cached_share_ignores_turns_without_usage() -> None:
    known = turn(0, 0, times=(1.0,), prompt_tokens=50, cached_tokens=25)
    assert latencies([known, turn(1, 0, times=(1.0,))]).cached_share == 0.5
    assert latencies([turn(1, 0, times=(1.0,))]).cached_share is None


def test_a_ratio_without_a_divisor_is_unknown() -> None:
    assert ratio(6.0, 3.0) == 2.0
    assert ratio(6.0, 0.0) is None
    assert ratio(None, 3.0) is None
    assert ratio(0.0, 3.0) == 0.0
