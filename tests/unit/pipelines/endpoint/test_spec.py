"""What serves a version, as plain data: one number in all places, names by content."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from container.settings import ContainerSettings
from orchestrator_lambda.backends.body import MIN_HEADER
from pipelines.endpoint import scaling
from pipelines.endpoint.spec import PREFIX_BYTES, Spec, spec_of, version_of
from pipelines.errors import DeployError, PlanError
from pipelines.names import Names
from pipelines.registry.interface import Candidate, Version
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane.plane import START
from tests.support.endpoint_account import EndpointAccount, candidate
from tests.support.plan_documents import AMI, limits, plan_document

ROLE = "arn:aws:iam::123456789012:role/keepwarm-execution"


def spec(made: Candidate | None = None, number: int = 7, **settings: Any) -> Spec:
    version = Version(name="arn", number=number, created=START, candidate=made or candidate())
    return spec_of(version, DeploymentSettings(**settings), ROLE)


def variant(made: Spec) -> dict[str, Any]:
    (one,) = made.config["ProductionVariants"]
    return dict(one)


@pytest.mark.parametrize("blocks", [320, 1040, 4000])
def test_admission_scaling_and_routing_come_from_one_plan(blocks: int) -> None:
    """The container admits, the endpoint scales and routes by the numbers of the same limits."""
    made, held = spec(candidate(blocks=blocks)), limits(blocks)
    container = ContainerSettings.from_env(made.model["PrimaryContainer"]["Environment"])
    assert container.max_concurrent == held.admission
    assert made.scaling_target == held.scaling_target
    routing = variant(made)["RoutingConfig"]["PrefixAwareRoutingConfig"]
    assert routing["ConcurrencyThreshold"] == held.prefix_threshold
    assert made.scaling_target <= held.running <= held.admission


def test_the_scaling_policy_gets_the_plan_s_target() -> None:
    account = EndpointAccount()
    account.serve()
    (call,) = [one for one in account.plane.calls if one.operation == "PutScalingPolicy"]
    tracking = call.parameters["TargetTrackingScalingPolicyConfiguration"]
    assert tracking["TargetValue"] == limits().scaling_target
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }


def test_a_changed_target_is_set_again_and_the_same_one_is_not() -> None:
    account = EndpointAccount()
    account.serve()
    scaling.ensure(account.deployment, limits().scaling_target)
    assert account.count("PutScalingPolicy") == 1
    scaling.ensure(account.deployment, 3)
    assert account.count("PutScalingPolicy") == 2
    found = scaling.state(account.deployment)
    assert found == scaling.ScalingState(2, 4, 3.0)


def test_a_fixed_number_of_instances_does_not_scale() -> None:
    account = EndpointAccount(min_instances=2, max_instances=2)
    account.register(approve=True)
    account.settle()
    assert account.serving == 1
    assert scaling.state(account.deployment) is None


def test_a_conversation_goes_where_its_header_is_warm() -> None:
    routing = variant(spec())["RoutingConfig"]
    assert routing["RoutingStrategy"] == "PREFIX_AWARE"
    assert routing["PrefixAwareRoutingConfig"]["PrefixLength"] == PREFIX_BYTES == MIN_HEADER


def test_one_instance_has_no_choice_of_routes() -> None:
    routing = variant(spec(min_instances=1))["RoutingConfig"]
    assert routing == {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}


def test_driver_timeouts_and_metrics_are_set_explicitly() -> None:
    made = spec(startup_timeout_s=700, download_timeout_s=900)
    assert variant(made)["InferenceAmiVersion"] == AMI
    assert variant(made)["ContainerStartupHealthCheckTimeoutInSeconds"] == 700
    assert variant(made)["ModelDataDownloadTimeoutInSeconds"] == 900
    assert made.config["MetricsConfig"]["EnableDetailedObservability"] is True
    container = made.model["PrimaryContainer"]
    (endpoint,) = container["ContainerMetricsConfig"]["MetricsEndpoints"]
    assert endpoint["MetricsEndpointPath"] == "/metrics"
    assert made.model["EnableNetworkIsolation"] is True


@pytest.mark.parametrize(
    ("place", "kind", "compression"),
    [
        ("s3://b/models/a", "S3Prefix", "None"),
        ("s3://b/models/a/", "S3Prefix", "None"),
        ("s3://b/models/a.tar.gz", "S3Object", "Gzip"),
    ],
)
def test_weights_are_a_prefix_or_an_archive(place: str, kind: str, compression: str) -> None:
    made = spec(dataclasses.replace(candidate(), model_data=place))
    source = made.model["PrimaryContainer"]["ModelDataSource"]["S3DataSource"]
    assert (source["S3DataType"], source["CompressionType"]) == (kind, compression)
    assert source["S3Uri"].endswith("/") == (kind == "S3Prefix")


def test_names_say_the_version_and_change_with_the_content_alone() -> None:
    names = Names()
    made = spec()
    assert version_of(names, made.config_name) == 7
    assert version_of(names, made.model["ModelName"]) == 7
    assert spec() == made
    assert spec(startup_timeout_s=700).model == made.model
    assert spec(startup_timeout_s=700).config_name != made.config_name
    other = spec(dataclasses.replace(candidate(), model_data="s3://b/other/"))
    assert other.model["ModelName"] != made.model["ModelName"]


@pytest.mark.parametrize("name", ["keepwarm-v7", "other-v7-0123456789", "keepwarm-staging-abc", ""])
def test_other_names_are_none_of_ours(name: str) -> None:
    assert version_of(Names(), name) is None


def test_the_longest_names_fit() -> None:
    made = spec(number=999_999_999, name="a" * 25)
    assert len(made.config_name) <= 63


def test_several_copies_on_an_instance_are_refused() -> None:
    many = dataclasses.replace(candidate(), plan=plan_document(copies=4))
    with pytest.raises(DeployError, match=r"4 copies.*inference components"):
        spec(many)


def test_a_version_with_other_limits_than_its_plan_is_refused() -> None:
    changed = {**candidate().environment, "KEEPWARM_MAX_CONCURRENT": "1000"}
    with pytest.raises(DeployError, match="other limits"):
        spec(dataclasses.replace(candidate(), environment=changed))


def test_a_plan_that_is_none_is_refused() -> None:
    with pytest.raises(PlanError, match="the plan of version 7"):
        spec(dataclasses.replace(candidate(), plan={"format": 0}))
