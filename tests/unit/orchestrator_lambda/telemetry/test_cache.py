from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_lambda.telemetry.cache import CacheClass, classify

BEFORE = {"prompt_tokens": 100, "instance": "i-1", "backend": "primary"}


def now(cached: int, **changes: Any) -> dict[str, Any]:
    place = {"instance": "i-1", "backend": "primary"}
    return {"prompt_tokens": 130, "cached_tokens": cached, **place, **changes}


def test_a_first_turn_is_cold_even_if_others_warmed_its_system_prompt():
    assert classify({}, now(64)) is CacheClass.COLD


def test_a_history_that_is_there_is_a_hit():
    assert classify(BEFORE, now(96)) is CacheClass.HIT


def test_blocks_larger_than_ours_are_still_a_hit():
    assert classify(BEFORE, now(64)) is CacheClass.HIT


def test_a_hit_is_one_wherever_it_is():
    assert classify(BEFORE, now(96, instance="i-2")) is CacheClass.HIT


def test_another_instance_without_the_history_is_a_routing_miss():
    assert classify(BEFORE, now(0, instance="i-2")) is CacheClass.ROUTING_MISS
    assert classify(BEFORE, now(16, instance="i-2")) is CacheClass.ROUTING_MISS


def test_another_backend_is_a_routing_miss_too():
    assert classify(BEFORE, now(0, backend="fleet", instance=None)) is CacheClass.ROUTING_MISS


def test_the_same_instance_without_the_history_has_evicted_it():
    assert classify(BEFORE, now(0)) is CacheClass.EVICTION
    assert classify(BEFORE, now(32)) is CacheClass.EVICTION


def test_an_instance_that_is_not_known_is_not_taken_for_another():
    assert classify(BEFORE, now(0, instance=None)) is CacheClass.EVICTION
    assert classify({"prompt_tokens": 100}, now(0)) is CacheClass.EVICTION


def test_a_prompt_that_begins_anew_is_cold():
    assert classify(BEFORE, now(0), rewritten=True) is CacheClass.COLD


def test_a_history_shorter_than_a_block_left_nothing_to_lose():
    assert classify(BEFORE | {"prompt_tokens": 15}, now(0)) is CacheClass.COLD


def test_an_answer_without_receipt_has_no_class():
    assert classify(BEFORE, {}) is None
    assert classify(BEFORE, {"prompt_tokens": 130}) is None
    assert classify(BEFORE, {"prompt_tokens": 130, "cached_tokens": "many"}) is None


def test_numbers_from_dynamodb_are_numbers():
    assert classify(BEFORE | {"prompt_tokens": Decimal(100)}, now(0)) is CacheClass.EVICTION


def test_a_shorter_prompt_than_the_last_is_held_against_itself():
    assert classify(BEFORE, now(32, prompt_tokens=40)) is CacheClass.HIT


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*BEFORE, "cached_tokens"]), st.integers() | st.none()),
    st.dictionaries(st.sampled_from([*BEFORE, "cached_tokens"]), st.integers() | st.none()),
    st.booleans(),
)
def test_any_receipts_have_a_class_or_none(
    previous: dict[str, Any], receipt: dict[str, Any], rewritten: bool
):
    assert classify(previous, receipt, rewritten=rewritten) in {None, *CacheClass}


@pytest.mark.parametrize("prompt", range(1, 200, 7))
def test_a_wholly_cached_prompt_is_never_a_miss(prompt: int):
    receipt = {"prompt_tokens": prompt, "cached_tokens": (prompt - 1) // 16 * 16}
    assert classify(BEFORE, receipt) in {CacheClass.HIT, CacheClass.COLD}
