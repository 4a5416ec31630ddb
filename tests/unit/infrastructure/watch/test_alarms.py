"""The alarms: one for each way in which a turn is lost, late or uncounted, none for silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from infrastructure.watch.signals import signals
from tests.support.capacity_boxes import OTHERWISE, WATCHED, watch_template
from tests.support.infrastructure import a_stage
from tests.support.shapes import check_request

ALARM = "AWS::CloudWatch::Alarm"
ALL = {
    "first-token",
    "truncated",
    "degraded",
    "cache-hits",
    "api-errors",
    "chat-throttles",
    "consumer-throttles",
    "history-read-throttles",
    "history-write-throttles",
    "marks-read-throttles",
    "marks-write-throttles",
    "sessions-1-evictions",
    "sessions-2-evictions",
    "iterator-age",
    "dead-calls",
    "dead-events",
    "dead-sweeps",
    "sweeper-silent",
    "sweeper-errors",
    "model-errors",
    "fleet-errors",
}


def test_every_signal_has_its_alarm():
    assert set(_alarms()) == ALL


def test_alarms_are_requests_that_cloudwatch_knows():
    for alarm in _alarms().values():
        check_request("cloudwatch", "PutMetricAlarm", alarm)


def test_every_alarm_tells_the_topic_when_it_rings_and_when_it_is_over():
    ((topic, _),) = watch_template().named("AWS::SNS::Topic")
    for alarm in _alarms().values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_silence_is_good_but_of_the_sweeper():
    breaching = {name for name, one in _alarms().items() if one["TreatMissingData"] == "breaching"}
    assert breaching == {"sweeper-silent"}


def test_every_alarm_says_what_is_wrong_and_what_silence_means():
    for alarm in _alarms().values():
        about, _, silence = alarm["AlarmDescription"].partition(". No data: ")
        assert len(about) > 20 and len(silence) > 20


def test_the_first_token_is_judged_by_its_p95():
    alarm = _alarms()["first-token"]
    assert (alarm["ExtendedStatistic"], alarm["Threshold"]) == ("p95", 3000)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)


def test_limits_are_the_settings():
    changed = _alarms(**OTHERWISE)
    assert changed["first-token"]["Threshold"] == 900
    assert changed["truncated"]["Threshold"] == 2
    assert changed["iterator-age"]["Threshold"] == 60_000


def test_the_cached_share_is_of_tokens_and_needs_enough_of_them():
    alarm = _alarms()["cache-hits"]
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert _expression(alarm) == "IF(whole > 50000, part / whole, 1)"


def test_the_degraded_share_needs_enough_turns():
    alarm = _alarms()["degraded"]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    assert _expression(alarm) == "IF(whole > 20, part / whole, 0)"


def test_a_sweeper_that_never_runs_rings():
    alarm = _alarms()["sweeper-silent"]
    assert alarm["MetricName"] == "Invocations"
    assert alarm["ComparisonOperator"] == "LessThanThreshold"
    assert (alarm["Threshold"], alarm["Period"]) == (1, 300)


def test_a_rarely_sweeping_stage_waits_longer_for_a_sweep():
    assert _alarms(**OTHERWISE)["sweeper-silent"]["Period"] == 3000


def test_one_message_among_the_dead_letters_is_enough():
    alarm = _alarms()["dead-events"]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"]) == (0, 1)
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": "dead-events"}]


def test_a_component_is_watched_instead_of_its_variant():
    stage = a_stage("prod")
    assert _dimensions(stage, component="") == {
        "EndpointName": "keepwarm-prod",
        "VariantName": "main",
    }
    assert _dimensions(stage, component="copies") == {"InferenceComponentName": "copies"}


def test_without_a_fleet_there_is_no_alarm_of_one():
    watched = replace(WATCHED, fleet_group="", fleet_balancer="")
    assert not any(one.name.startswith("fleet") for one in signals(a_stage("prod"), watched))


def test_a_serverless_store_is_watched_as_one():
    names = [
        one.name
        for one in signals(a_stage("prod", sessions={"kind": "serverless"}), WATCHED)
        if one.name.startswith("sessions")
    ]
    assert names == ["sessions-1-evictions"]


def _alarms(**changes: Any) -> dict[str, dict[str, Any]]:
    found = watch_template(WATCHED, "prod", **changes).of_type(ALARM)
    return {one["AlarmName"].removeprefix("keepwarm-prod-"): one for one in found}


def _expression(alarm: dict[str, Any]) -> str:
    (expression,) = [one["Expression"] for one in alarm["Metrics"] if "Expression" in one]
    return str(expression)


def _dimensions(stage: Any, **changes: str) -> dict[str, str]:
    (signal,) = [
        one for one in signals(stage, replace(WATCHED, **changes)) if one.name == "model-errors"
    ]
    dimensions = signal.metric.to_metric_config().metric_stat.dimensions
    return {one.name: one.value for one in dimensions}
