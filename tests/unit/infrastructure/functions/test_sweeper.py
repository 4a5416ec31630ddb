"""What wakes the sweeper."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infrastructure.functions.sweeper import WINDOW_S
from orchestrator_lambda.telemetry.sweeper import OLDER_THAN_MS
from tests.support.chat_boxes import chat_templates


def mapping() -> dict[str, Any]:
    return chat_templates().only("chat", "AWS::Lambda::EventSourceMapping", "SweeperNewMessages")


def matches(record: dict[str, Any]) -> bool:
    """The filter, as far as it is used: words or a prefix at the end of a path."""

    def fits(pattern: Any, value: Any) -> bool:
        if isinstance(pattern, dict):
            return isinstance(value, dict) and all(
                fits(inner, value.get(key)) for key, inner in pattern.items()
            )
        return any(
            str(value).startswith(one["prefix"]) if isinstance(one, dict) else value == one
            for one in pattern
        )

    (wanted,) = mapping()["FilterCriteria"]["Filters"]
    return fits(json.loads(wanted["Pattern"]), record)


def change(name: str, sort_key: str) -> dict[str, Any]:
    return {"eventName": name, "dynamodb": {"Keys": {"PK": {"S": "C#c_1"}, "SK": {"S": sort_key}}}}


def test_the_clock_calls_it_every_so_many_minutes():
    rule = chat_templates().chat.only("AWS::Events::Rule")
    minutes = chat_templates().stage.function.sweep_minutes
    assert rule["ScheduleExpression"].startswith(f"rate({minutes} minute")
    assert rule["State"] == "ENABLED"
    (target,) = rule["Targets"]
    assert "SweeperFunction" in str(target["Arn"])


def test_only_that_rule_may_call_it():
    (permission,) = [
        one
        for one in chat_templates().chat.of_type("AWS::Lambda::Permission")
        if "SweeperFunction" in str(one["FunctionName"])
    ]
    assert permission["Principal"] == "events.amazonaws.com"
    assert "SweeperSchedule" in str(permission["SourceArn"])


@pytest.mark.parametrize(
    ("record", "wakes"),
    [
        (change("INSERT", "M#0000000002"), True),
        (change("MODIFY", "M#0000000002"), False),
        (change("REMOVE", "M#0000000002"), False),
        (change("INSERT", "META"), False),
        (change("INSERT", "I#key"), False),
        (change("INSERT", "GONE"), False),
    ],
)
def test_a_new_message_wakes_it_and_a_checkpoint_does_not(record, wakes):
    assert matches(record) is wakes


def test_it_is_woken_when_a_turn_that_died_at_once_has_been_silent_for_long_enough():
    assert mapping()["MaximumBatchingWindowInSeconds"] == WINDOW_S
    assert WINDOW_S * 1000 > OLDER_THAN_MS


def test_a_lost_wake_up_is_given_up_soon_since_the_clock_comes_anyway():
    assert (mapping()["MaximumRetryAttempts"], mapping()["MaximumRecordAgeInSeconds"]) == (2, 3600)
    assert "DeadLettersSweeps" in str(mapping()["DestinationConfig"])
    assert mapping()["StartingPosition"] == "LATEST"


def test_a_failed_sweep_is_not_repeated_but_kept():
    configs = chat_templates().chat.of_type("AWS::Lambda::EventInvokeConfig")
    (own,) = [one for one in configs if "SweeperFunction" in str(one["FunctionName"])]
    assert own["MaximumRetryAttempts"] == 0
    assert "DeadLettersSweeps" in str(own["DestinationConfig"])


def test_it_runs_under_lambdas_own_runtime_since_nothing_is_streamed():
    function = chat_templates().only("chat", "AWS::Lambda::Function", "Sweeper")
    assert "AWS_LAMBDA_EXEC_WRAPPER" not in function["Environment"]["Variables"]
    assert function["Handler"] == "orchestrator_lambda.handler.handler"
