"""Alarms watch what is really measured, and are put again only where they differ."""

from __future__ import annotations

import pytest

from container.telemetry import Telemetry
from orchestrator_lambda.telemetry.emf import SERVICE, SERVICE_DIMENSION
from orchestrator_lambda.telemetry.events import ENDED
from orchestrator_lambda.telemetry.measuring import measure
from orchestrator_lambda.telemetry.records import ReadEvent
from orchestrator_lambda.telemetry.settings import ConsumerSettings
from pipelines.endpoint import alarms, canary
from pipelines.settings import DeploymentSettings
from tests.support.endpoint_account import EndpointAccount


@pytest.fixture
def account() -> EndpointAccount:
    return EndpointAccount(events=False)


def definition(signal: str) -> dict[str, object]:
    settings = DeploymentSettings()
    return alarms.definitions(settings)[settings.names.alarm(signal)]


def test_the_preemptions_are_those_of_the_container_s_metrics_page() -> None:
    telemetry = Telemetry(
        stats=lambda: None,
        info=lambda: None,
        active=lambda: 0,
        sessions=lambda: 0,
        serving=lambda: True,
    )
    names = {line.split(b" ")[0].decode() for line in telemetry.text().splitlines()}
    assert alarms.PREEMPTIONS in names
    assert f'"{alarms.PREEMPTIONS}"' in str(definition("preemptions"))


def test_first_token_and_truncated_streams_are_those_of_the_orchestrator() -> None:
    fields = {"gen_ai.response.time_to_first_chunk": 0.5, "keepwarm.outcome": "error"}
    (group,) = measure([ReadEvent("e", ENDED, 0.0, 0.0, fields)], now_ms=0)
    assert alarms.FIRST_TOKEN in group.samples
    assert alarms.TRUNCATED in group.counts
    for signal in ("first-token", "truncated"):
        made = definition(signal)
        assert made["Namespace"] == ConsumerSettings().namespace
        assert made["Dimensions"] == [{"Name": SERVICE_DIMENSION, "Value": SERVICE}]


def test_errors_are_sagemaker_s_own() -> None:
    made = definition("errors")
    assert (made["Namespace"], made["MetricName"]) == ("AWS/SageMaker", "Invocation5XXErrors")
    assert {"Name": "EndpointName", "Value": "keepwarm"} in made["Dimensions"]  # type: ignore[operator]


def test_alarms_are_put_once_and_again_when_something_differs(account: EndpointAccount) -> None:
    alarms.ensure(account.deployment)
    alarms.ensure(account.deployment)
    assert account.count("PutMetricAlarm") == len(alarms.SIGNALS)
    account.alarms.items["keepwarm-errors"]["Threshold"] = 99.0
    alarms.ensure(account.deployment)
    assert account.count("PutMetricAlarm") == len(alarms.SIGNALS) + 1
    assert account.alarms.items["keepwarm-errors"]["Threshold"] == 5.0


@pytest.mark.parametrize(
    ("metric", "good", "bad", "signal"),
    [
        ("Invocation5XXErrors", 5, 6, "errors"),
        ("time_to_first_chunk", 5000, 5001, "first-token"),
        ("truncated", 5, 6, "truncated"),
        ("keepwarm:preemptions_total", 60, 61, "preemptions"),
    ],
)
def test_each_rings_above_its_limit(
    account: EndpointAccount, metric: str, good: float, bad: float, signal: str
) -> None:
    alarms.ensure(account.deployment)
    assert account.alarms.measure(metric, good) == []
    assert account.alarms.measure(metric, bad) == [f"keepwarm-{signal}"]
    assert alarms.ringing(account.deployment) == [f"keepwarm-{signal}"]


def test_no_data_is_no_alarm() -> None:
    for signal in ("errors", "first-token", "truncated"):
        assert definition(signal)["TreatMissingData"] == "notBreaching"


def test_a_canary_waits_and_watches_every_alarm() -> None:
    settings = DeploymentSettings(canary_percent=10, canary_wait_s=120)
    made = canary.careful(settings, 4, alarms.names_of(settings.names))
    policy = made["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 120,
        "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 10},
    }
    watched = [one["AlarmName"] for one in made["AutoRollbackConfiguration"]["Alarms"]]
    assert watched == alarms.names_of(settings.names)


def test_one_instance_has_no_share_that_could_go_first() -> None:
    made = canary.careful(DeploymentSettings(), 1, ["a"])
    policy = made["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"]["Type"] == "ALL_AT_ONCE"
    assert policy["TerminationWaitInSeconds"] > 0


def test_going_back_is_not_stopped_by_the_alarms_that_ring() -> None:
    made = canary.at_once(DeploymentSettings())
    assert "AutoRollbackConfiguration" not in made


@pytest.mark.parametrize("wait", [0, 3600])
def test_an_update_may_take_as_long_as_all_its_waits_together(wait: int) -> None:
    settings = DeploymentSettings(
        canary_wait_s=wait, startup_timeout_s=3600, download_timeout_s=3600
    )
    policy = canary.careful(settings, 2, ["a"])["BlueGreenUpdatePolicy"]
    assert policy["MaximumExecutionTimeoutInSeconds"] > 7200 + wait + canary.BAKE_S
    assert policy["MaximumExecutionTimeoutInSeconds"] <= canary.LONGEST_S
