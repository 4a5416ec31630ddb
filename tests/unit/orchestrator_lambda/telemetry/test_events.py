from __future__ import annotations

import json
from decimal import Decimal

import pytest

from orchestrator_lambda.telemetry.events import (
    conversation_deleted,
    event_key,
    hash_user,
    trace_id_of,
)
from orchestrator_lambda.telemetry.prices import Price, PriceTable
from tests.support.turn_events import RECEIPT, ended, started

SALT = "0123456789abcdef"


def test_an_id_is_made_of_conversation_answer_and_kind():
    assert started("c_9", 4)["event_id"] == "c_9:4:started"
    assert ended("c_9", 4)["event_id"] == "c_9:4:ended"
    assert conversation_deleted(conversation_id="c_9", now_ms=5)["event_id"] == "c_9:0:deleted"


def test_the_same_turn_gives_the_same_event():
    fixed = {"began_ms": 1_000, "now_ms": 2_000}
    assert ended(**fixed) == ended(**fixed)


def test_a_complete_turn_is_told_by_the_names_of_opentelemetry():
    event = ended(trace_id="ab" * 16, user_hash=hash_user("ann", SALT))
    assert event["schema_version"] == 1
    assert event["gen_ai.operation.name"] == "chat"
    assert event["gen_ai.conversation.id"] == "c_1"
    assert event["gen_ai.request.model"] == "keepwarm"
    assert event["gen_ai.response.finish_reasons"] == ["stop"]
    assert event["gen_ai.usage.input_tokens"] == 120
    assert event["gen_ai.usage.cache_read.input_tokens"] == 96
    assert event["gen_ai.usage.output_tokens"] == 11
    assert event["gen_ai.response.time_to_first_chunk"] == 0.045
    assert event["user.hash"] == hash_user("ann", SALT)
    assert event["trace_id"] == "ab" * 16
    assert "error.type" not in event


def test_what_is_ours_alone_has_our_prefix():
    event = ended(receipt=RECEIPT | {"continuations": 2, "takeovers": 1}, degraded=True)
    assert event["keepwarm.outcome"] == "complete"
    assert event["keepwarm.backend"] == "primary"
    assert event["keepwarm.instance"] == "i-1"
    assert event["keepwarm.variant"] == "blue"
    assert event["keepwarm.attempts"] == 1
    assert event["keepwarm.continuations"] == 2
    assert event["keepwarm.takeovers"] == 1
    assert event["keepwarm.queue_ms"] == 2.5
    assert event["keepwarm.prefill_ms"] == 30.0
    assert event["keepwarm.decode_ms"] == 200.0
    assert event["keepwarm.duration_ms"] == 300
    assert event["keepwarm.cache.class"] == "hit"
    assert event["keepwarm.degraded"] is True


def test_an_answer_that_broke_off_has_its_code_and_nothing_that_nobody_knows():
    event = ended(outcome="error", error_code="backend_unavailable", receipt={}, finish_reason=None)
    assert event["keepwarm.outcome"] == "error"
    assert event["error.type"] == "backend_unavailable"
    for name in ("gen_ai.usage.input_tokens", "keepwarm.queue_ms", "keepwarm.cache.class"):
        assert name not in event
    assert None not in event.values()


def test_tokens_of_the_whole_answer_count_before_those_of_the_last_receipt():
    assert ended(output_tokens=40)["gen_ai.usage.output_tokens"] == 40


def test_numbers_from_dynamodb_are_json():
    event = ended(receipt={"prompt_tokens": Decimal(7), "queue_ms": Decimal("1.5")})
    assert json.loads(json.dumps(event))["gen_ai.usage.input_tokens"] == 7
    assert event["keepwarm.queue_ms"] == 1.5


@pytest.mark.parametrize("value", [-1, True, "7", float("nan"), float("inf"), Decimal("NaN"), None])
def test_a_number_that_is_none_is_left_out(value: object):
    event = ended(receipt=RECEIPT | {"prompt_tokens": value, "queue_ms": value})
    assert "gen_ai.usage.input_tokens" not in event
    assert "keepwarm.queue_ms" not in event


def test_nobodys_words_get_in_by_way_of_a_name():
    words = "my secret is in here"
    event = ended(model=words, finish_reason=words, error_code=words, variant=words, trace_id=words)
    assert words not in json.dumps(event)
    assert event["error.type"] == "other"


def test_clock_skew_between_two_lambdas_gives_no_negative_duration():
    assert ended(began_ms=5_000, now_ms=4_000)["keepwarm.duration_ms"] == 0


def test_cost_has_cached_and_fresh_tokens_apart():
    prices = PriceTable(
        models={"keepwarm": Price(input=1.0, cached_input=0.1, output=2.0)},
        date="2026-11-01",
        source="list",
    )
    event = ended(prices=prices)
    assert event["keepwarm.cost.fresh_input"] == pytest.approx(24e-6)
    assert event["keepwarm.cost.cached_input"] == pytest.approx(9.6e-6)
    assert event["keepwarm.cost.output"] == pytest.approx(22e-6)
    assert event["keepwarm.cost.total"] == pytest.approx(55.6e-6)
    assert event["keepwarm.cost.currency"] == "USD"
    assert event["keepwarm.cost.date"] == "2026-11-01"
    assert "keepwarm.cost.total" not in ended(prices=prices, model="another")
    assert "keepwarm.cost.total" not in ended(prices=prices, receipt={})


def test_a_user_is_a_hash_that_depends_on_the_salt():
    assert hash_user("ann", SALT) == hash_user("ann", SALT)
    assert hash_user("ann", SALT) != hash_user("bob", SALT)
    assert hash_user("ann", SALT) != hash_user("ann", SALT[::-1])
    assert "ann" not in hash_user("ann", SALT)


def test_without_a_salt_no_user_is_named():
    assert hash_user("ann", "") == ""
    assert "user.hash" not in started(user_hash="")


def test_the_traces_id_is_read_from_the_headers():
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    assert trace_id_of({"traceparent": parent}) == "ab" * 16
    assert trace_id_of({"traceparent": "nonsense"}) == ""
    assert trace_id_of({}) == ""


@pytest.mark.parametrize("event_id", [None, 5, "", "c_1", "c_1:2", "c_1::ended", "a:b:c:d"])
def test_an_id_of_another_form_is_refused(event_id: object):
    with pytest.raises(ValueError, match="conversation:answer:kind"):
        event_key({"event_id": event_id})


def test_every_event_can_be_sent():
    for event in (started(), ended(), conversation_deleted(conversation_id="c_1", now_ms=1)):
        assert event_key(event) == ("c_1", event["event_id"])
        assert json.loads(json.dumps(event, allow_nan=False)) == event
