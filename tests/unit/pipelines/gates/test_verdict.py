from __future__ import annotations

import math
from typing import Any

import pytest

from pipelines.gates.limits import GateLimits
from pipelines.gates.verdict import Judgement, Measured, Previous, judge

PROPERTIES = {"sample": "t", "tokenizer": "k", "place": "p", "workload": "w", "suite_basics": "s"}
GOOD = {
    "bits_per_byte": 1.0, "perplexity": 12.0, "suite_basics": 0.6, "ttft_p95_s": 1.0,
    "itl_p99_s": 0.2, "tokens_per_s": 100.0, "cached_share": 0.6, "truncated_share": 0.0,
    "failed_share": 0.0,
}  # fmt: skip
ABSOLUTE = {
    "bits_per_byte": 2.1, "suite_basics": 0.2, "ttft_p95_s": 10.5, "itl_p99_s": 2.1,
    "tokens_per_s": 4.0, "cached_share": 0.2, "truncated_share": 0.01, "failed_share": 0.01,
}  # fmt: skip
RELATIVE = {
    "bits_per_byte": 1.04, "perplexity": 12.5, "suite_basics": 0.49, "ttft_p95_s": 1.36,
    "itl_p99_s": 0.28, "tokens_per_s": 79.0, "cached_share": 0.49,
}  # fmt: skip
STILL_GOOD = {
    "bits_per_byte": 1.02, "perplexity": 12.3, "suite_basics": 0.51, "ttft_p95_s": 1.34,
    "itl_p99_s": 0.26, "tokens_per_s": 81.0, "cached_share": 0.51,
}  # fmt: skip


def judged(
    changes: dict[str, Any] | None = None,
    *,
    before: dict[str, Any] | None = None,
    properties: dict[str, str] | None = None,
) -> Judgement:
    """A good candidate with some metrics changed, beside a version before if one is given."""
    previous = None if before is None else Previous(3, "v3", Measured(before, PROPERTIES))
    metrics = {**GOOD, **(changes or {})}
    return judge(Measured(metrics, {**PROPERTIES, **(properties or {})}), previous, GateLimits())


def test_a_good_candidate_passes_alone_and_beside_its_equal() -> None:
    assert judged().passed
    assert judged(before=GOOD).passed


@pytest.mark.parametrize(("metric", "value"), ABSOLUTE.items())
def test_each_absolute_limit_refuses_on_its_own(metric: str, value: float) -> None:
    found = judged({metric: value})
    refused = [one for one in found.verdicts if not one.passed]
    assert [one.metric for one in refused] == [metric]
    assert not found.passed


@pytest.mark.parametrize(("metric", "value"), RELATIVE.items())
def test_each_comparison_refuses_on_its_own(metric: str, value: float) -> None:
    found = judged({metric: value}, before=GOOD)
    (refused,) = [one for one in found.verdicts if not one.passed]
    assert (refused.metric, refused.previous) == (metric, GOOD[metric])
    assert "(version 3 has" in refused.sentence


@pytest.mark.parametrize(("metric", "value"), STILL_GOOD.items())
def test_a_little_worse_is_let_through(metric: str, value: float) -> None:
    assert judged({metric: value}, before=GOOD).passed


@pytest.mark.parametrize("metric", [*GOOD])
@pytest.mark.parametrize("value", [None, math.nan, math.inf, "12", True])
def test_what_was_not_measured_or_is_no_number_refuses(metric: str, value: Any) -> None:
    found = judged({metric: value}, before=GOOD)
    assert [one.metric for one in found.verdicts if not one.passed] == [metric]
    assert "was not measured or is not a number" in found.reasons[0]


def test_a_metric_that_is_not_there_at_all_refuses() -> None:
    found = judge(Measured({}, PROPERTIES), None, GateLimits())
    assert {one.metric for one in found.verdicts} == {*GOOD}
    assert not any(one.passed for one in found.verdicts)


def test_a_verdict_says_value_and_limit_in_a_sentence() -> None:
    sentences = judged({"ttft_p95_s": 12.0, "tokens_per_s": 3.0}).reasons
    assert sentences == [
        "TTFT p95 is 12.00 s, at most 10.00 s is allowed",
        "output tokens/s is 3.000, at least 5.000 is asked for",
    ]


def test_no_version_before_is_said() -> None:
    assert "no earlier version" in judged().notes[0]


def test_another_tokenizer_leaves_bits_per_byte_to_compare_by() -> None:
    changed = {"tokenizer": "other"}
    worse_perplexity = judged({"perplexity": 40.0}, before=GOOD, properties=changed)
    assert worse_perplexity.passed
    assert "perplexity is not compared with version 3: tokenizer was k and is other" in (
        worse_perplexity.notes
    )
    assert not judged({"bits_per_byte": 1.2}, before=GOOD, properties=changed).passed


def test_speed_at_another_place_is_not_compared() -> None:
    found = judged({"tokens_per_s": 20.0}, before=GOOD, properties={"place": "laptop"})
    assert found.passed
    assert any("place was p and is laptop" in note for note in found.notes)


def test_another_suite_of_the_same_name_is_not_compared() -> None:
    found = judged({"suite_basics": 0.3}, before=GOOD, properties={"suite_basics": "new"})
    assert found.passed
    assert any("suite basics is not compared" in note for note in found.notes)


def test_a_users_suite_has_a_gate_of_its_own() -> None:
    before = {**GOOD, "suite_support": 0.9}
    properties = {"suite_support": "u"}
    previous = Previous(3, "v3", Measured(before, {**PROPERTIES, **properties}))
    candidate = Measured({**GOOD, "suite_support": 0.7}, {**PROPERTIES, **properties})
    found = judge(candidate, previous, GateLimits())
    assert [one.metric for one in found.verdicts if not one.passed] == ["suite_support"]


def test_a_suite_that_was_left_out_this_time_is_said() -> None:
    found = judged(before={**GOOD, "suite_support": 0.9})
    assert "version 3 was asked suite support, this one was not" in found.notes


def test_a_version_without_a_metric_is_not_compared_by_it() -> None:
    before = {name: value for name, value in GOOD.items() if name != "ttft_p95_s"}
    found = judged({"ttft_p95_s": 5.0}, before=before)
    assert found.passed
    assert "TTFT p95 is not compared with version 3: it has none" in found.notes
