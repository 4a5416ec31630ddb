"""One deployment's definition: the snapshot with that deployment's names, places and defaults."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.definition import steps
from pipelines.definition.parameters import NAMES, PARAMETERS, checked
from pipelines.definition.render import AMI, bucket_name, placeholders, render, snapshot
from pipelines.errors import SettingsError
from pipelines.settings import DeploymentSettings
from tests.unit.pipelines.definition.planted import SOURCES, clean, settings, step


def parameters(definition: dict[str, Any]) -> dict[str, Any]:
    return {one["Name"]: one.get("DefaultValue") for one in definition["Parameters"]}


def test_no_placeholder_is_left() -> None:
    assert "${" not in json.dumps(clean())


def test_every_placeholder_of_the_snapshot_is_used() -> None:
    text = json.dumps(snapshot())
    assert [name for name in placeholders(settings()) if f"${{{name}}}" not in text] == ["pipeline"]


def test_the_snapshot_has_the_parameters_that_commands_know() -> None:
    assert tuple(parameters(snapshot())) == NAMES


def test_the_snapshots_defaults_are_those_of_a_deployment_that_says_nothing() -> None:
    plain = DeploymentSettings()
    for one in PARAMETERS:
        if one.setting:
            assert str(one.default) == str(getattr(plain, one.setting)), one.name


def test_settings_and_sources_become_defaults() -> None:
    found = parameters(clean(instance="ml.g6e.12xlarge", context=4096, startup_timeout_s=900))
    assert found["InstanceType"] == "ml.g6e.12xlarge"
    assert found["Context"] == "4096"
    assert found["StartupTimeoutSeconds"] == 900
    assert found["CodeUri"] == SOURCES.code
    assert found["WeightsUri"] is None


def test_names_follow_the_deployment() -> None:
    definition = clean(name="try-2", region="eu-west-1")
    judge = step(definition, steps.JUDGE)
    assert judge["FunctionArn"] == "arn:aws:lambda:eu-west-1:123456789012:function:try-2-judge"
    results = judge["Arguments"]["results"]["Std:Join"]["Values"][0]
    assert results == "s3://try-2-123456789012-eu-west-1/executions"
    assert step(definition, steps.MODEL)["Arguments"]["ModelName"] == "try-2-staging"
    assert "keepwarm" not in json.dumps(step(definition, steps.JUDGE))


def test_names_of_staging_are_those_that_teardown_knows() -> None:
    named = step(clean(), steps.ENDPOINT)["Arguments"]["EndpointName"]["Std:Join"]
    name = named["On"].join(one if isinstance(one, str) else "abc" for one in named["Values"])
    assert name == settings().names.staging_endpoint("abc")


def test_china_has_a_partition_of_its_own() -> None:
    definition = clean(region="cn-north-1")
    assert step(definition, steps.BUILD_IMAGE)["SqsQueueUrl"].startswith(
        "https://sqs.cn-north-1.amazonaws.com.cn/"
    )
    assert step(definition, steps.JUDGE)["FunctionArn"].startswith("arn:aws-cn:lambda:cn-north-1:")


def test_without_a_driver_to_choose_the_variant_names_none() -> None:
    definition = clean(ami="")
    assert AMI not in parameters(definition)
    assert AMI not in json.dumps(definition)


def test_an_account_is_needed() -> None:
    with pytest.raises(SettingsError, match="account is empty"):
        render(DeploymentSettings(), SOURCES)


def test_a_bucket_of_another_name() -> None:
    assert bucket_name(settings(bucket="mine")) == "mine"


def test_teardown_runs_however_the_trial_ended_and_nothing_waits_for_it() -> None:
    definition = clean()
    waits = step(definition, steps.TEARDOWN)["DependsOn"]
    assert {one["Step"]: one["Trigger"] for one in waits} == {
        steps.ENDPOINT: "Any",
        steps.EVALUATE: "Any",
        steps.BENCHMARK: "Any",
    }
    others = [one for one in definition["Steps"] if one["Name"] != steps.TEARDOWN]
    assert steps.TEARDOWN not in json.dumps(others)


def test_the_benchmark_waits_for_the_evaluation() -> None:
    assert step(clean(), steps.BENCHMARK)["DependsOn"] == [steps.EVALUATE]


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"Instance": "x"}, "there is no parameter 'Instance'; known: WeightsUri"),
        ({"Against": ""}, "Against must have 1 to 1024 characters, got 0"),
        ({"WeightsUri": "s" * 1025}, "WeightsUri must have 1 to 1024 characters, got 1025"),
        ({"ModelVolumeGb": "big"}, "ModelVolumeGb must be a whole number, got 'big'"),
    ],
)
def test_a_value_that_the_service_would_refuse_is_refused_here(
    values: dict[str, str], why: str
) -> None:
    with pytest.raises(SettingsError, match=why):
        checked(values)


def test_values_that_can_be() -> None:
    values = {"ModelVolumeGb": "500", "Approval": "auto"}
    assert checked(values) == values
