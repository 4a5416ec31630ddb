"""The fake behaves as AWS does where the code relies on it; else the proofs on it are none."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError, WaiterError

from pipelines.testing.control_plane import LOST, ControlPlane
from pipelines.testing.control_plane.alarms import Alarms
from pipelines.testing.control_plane.delivery import matches
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.pipelines import Pipelines
from pipelines.testing.control_plane.sqs import Queues

ROLE = "arn:aws:iam::123456789012:role/keepwarm-execution"
ALARM = {
    "MetricName": "Invocation5XXErrors",
    "Namespace": "AWS/SageMaker",
    "Period": 60,
    "EvaluationPeriods": 1,
    "Threshold": 5.0,
    "ComparisonOperator": "GreaterThanThreshold",
}
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "WaitIntervalInSeconds": 600,
            "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": 25},
        },
        "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 7200,
    },
    "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}]},
}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


def make_config(plane: ControlPlane, name: str, instance: str = "ml.g6e.2xlarge") -> None:
    sagemaker = plane.client("sagemaker")
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "main", "ModelName": name, "InitialInstanceCount": 2}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InstanceType": instance}]
    )


def serve(plane: ControlPlane) -> Any:
    """An endpoint in service, a second configuration, an alarm; SageMaker's client."""
    for name in ("one", "two"):
        make_config(plane, name)
    plane.client("cloudwatch").put_metric_alarm(AlarmName="errors", **ALARM)
    sagemaker = plane.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    plane.advance(300)
    return sagemaker


def state(sagemaker: Any) -> tuple[str, str]:
    found = sagemaker.describe_endpoint(EndpointName="e")
    return found["EndpointStatus"], found["EndpointConfigName"]


def code_of(error: pytest.ExceptionInfo[ClientError]) -> str:
    return str(error.value.response["Error"]["Code"])


def test_an_endpoint_takes_its_time_and_says_so_by_events(plane: ControlPlane) -> None:
    sagemaker = serve(plane)
    assert state(sagemaker) == ("InService", "one")
    sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e")
    told = [event["detail"].get("EndpointStatus") for event in plane.delivery.sent]
    assert told == ["CREATING", "IN_SERVICE"]


def test_botocore_and_the_service_refuse_what_cannot_be(plane: ControlPlane) -> None:
    sagemaker = plane.client("sagemaker")
    with pytest.raises(ParamValidationError):
        sagemaker.create_model(ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match="does not match") as named:
        sagemaker.create_model(ModelName="under_score", ExecutionRoleArn=ROLE)
    assert code_of(named) == "ValidationException"
    with pytest.raises(ClientError, match="64 is not in"):
        sagemaker.create_model(ModelName="a" * 64, ExecutionRoleArn=ROLE)
    with pytest.raises(ClientError, match="enum"):
        make_config(plane, "one", instance="ml.quantum.large")
    with pytest.raises(ClientError, match="Could not find model"):
        sagemaker.describe_model(ModelName="none")


def test_a_canary_bakes_twice_and_then_serves(plane: ControlPlane) -> None:
    sagemaker = serve(plane)
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="two", DeploymentConfig=CANARY)
    shares = []
    for _ in range(5):
        plane.advance(299)
        pending = sagemaker.describe_endpoint(EndpointName="e").get("PendingDeploymentSummary")
        shares.append(pending["ProductionVariants"][0]["CurrentWeight"] if pending else None)
    assert shares == [0.0, 0.25, 0.25, 1.0, None]
    assert state(sagemaker) == ("InService", "two")


def test_an_alarm_in_any_stage_takes_it_back(plane: ControlPlane) -> None:
    for after in (400, 1000):
        plane = ControlPlane()
        sagemaker = serve(plane)
        sagemaker.update_endpoint(
            EndpointName="e", EndpointConfigName="two", DeploymentConfig=CANARY
        )
        plane.advance(after)
        assert plane.part(Alarms).measure("Invocation5XXErrors", 6) == ["errors"]
        plane.advance(30)
        assert state(sagemaker) == ("RollingBack", "one")
        plane.advance(60)
        assert state(sagemaker) == ("InService", "one")
        assert "errors" in sagemaker.describe_endpoint(EndpointName="e")["FailureReason"]


def test_what_is_busy_can_be_neither_updated_nor_deleted(plane: ControlPlane) -> None:
    sagemaker = serve(plane)
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="two")
    for call in (
        lambda: sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="one"),
        lambda: sagemaker.delete_endpoint(EndpointName="e"),
    ):
        with pytest.raises(ClientError, match="in-progress endpoint"):
            call()


def test_a_scaled_variant_does_not_change_its_instance_type(plane: ControlPlane) -> None:
    sagemaker = serve(plane)
    make_config(plane, "larger", instance="ml.g6e.4xlarge")
    scaling = plane.client("application-autoscaling")
    variant = {
        "ServiceNamespace": "sagemaker",
        "ResourceId": "endpoint/e/variant/main",
        "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
    }
    scaling.register_scalable_target(**variant, MinCapacity=1, MaxCapacity=2)
    with pytest.raises(ClientError, match="must be deregistered"):
        sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="larger")
    scaling.deregister_scalable_target(**variant)
    sagemaker.update_endpoint(EndpointName="e", EndpointConfigName="larger")
    with pytest.raises(ClientError) as missing:
        scaling.put_scaling_policy(**variant, PolicyName="p")
    assert code_of(missing) == "ObjectNotFoundException"


def test_a_broken_container_fails_a_new_endpoint(plane: ControlPlane) -> None:
    make_config(plane, "one")
    plane.part(Endpoints).broken["one"] = "no driver"
    sagemaker = plane.client("sagemaker")
    sagemaker.create_endpoint(EndpointName="e", EndpointConfigName="one")
    plane.advance(300)
    with pytest.raises(WaiterError, match="Failed"):
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="e")
    sagemaker.delete_endpoint(EndpointName="e")
    plane.advance(60)
    with pytest.raises(ClientError, match="Could not find"):
        sagemaker.describe_endpoint(EndpointName="e")


def test_an_ordered_failure_strikes_once_before_or_after_its_effect(plane: ControlPlane) -> None:
    sagemaker = plane.client("sagemaker")
    plane.throttle("sagemaker", "CreateModel")
    with pytest.raises(ClientError) as throttled:
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE)
    assert code_of(throttled) == "ThrottlingException"
    assert plane.resources() == set()
    plane.fail("sagemaker", "CreateModel", LOST, after=True)
    with pytest.raises(ReadTimeoutError):
        sagemaker.create_model(ModelName="m", ExecutionRoleArn=ROLE)
    assert plane.resources() == {"model/m"}
    assert len(plane.struck) == 2


def test_any_call_may_be_made_to_fail_by_its_number(plane: ControlPlane) -> None:
    sagemaker = plane.client("sagemaker")
    plane.fail_call(1, "InternalFailure")
    sagemaker.list_models()
    with pytest.raises(ClientError):
        sagemaker.list_models()
    assert not plane.failures_pending
    plane.fail_every(2, 0, "InternalFailure")
    failed = 0
    for _ in range(6):
        try:
            sagemaker.list_models()
        except ClientError:
            failed += 1
    assert failed == 3


def test_botocore_s_own_retries_see_a_throttled_call_through(plane: ControlPlane) -> None:
    plane.throttle("sagemaker", "ListModels")
    assert plane.client("sagemaker", attempts=2).list_models()["Models"] == []


def test_events_come_as_often_and_in_the_order_that_is_asked_for(plane: ControlPlane) -> None:
    heard: list[int] = []
    plane.on_event(lambda event: heard.append(event["detail"]["n"]), {"source": ["me"]})
    plane.delivery.copies = 2
    plane.delivery.order = random.Random(3)
    for number in range(4):
        plane.emit("me", "Something", {"n": number})
    plane.emit("somebody", "Something", {"n": 9})
    plane.advance(0)
    assert sorted(heard) == [0, 0, 1, 1, 2, 2, 3, 3]
    assert heard != sorted(heard)


def test_a_handler_that_fails_is_called_again_and_then_given_up(plane: ControlPlane) -> None:
    calls: list[float] = []

    def fail(event: object) -> None:
        calls.append(plane.now.timestamp())
        raise RuntimeError("no")

    plane.on_event(fail)
    plane.emit("me", "Something", {})
    plane.advance(600)
    assert [one - calls[0] for one in calls] == [0.0, 60.0, 180.0]
    assert len(plane.delivery.dead_letters) == 1


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ({}, True),
        ({"source": ["a", "b"]}, True),
        ({"source": ["c"]}, False),
        ({"detail": {"name": [{"prefix": "keep"}]}}, True),
        ({"detail": {"name": [{"prefix": "warm"}]}}, False),
        ({"detail": {"missing": ["x"]}}, False),
        ({"resources": ["r2"]}, True),
    ],
)
def test_patterns_are_eventbridge_s(pattern: dict[str, Any], fits: bool) -> None:
    event = {"source": "b", "detail": {"name": "keepwarm"}, "resources": ["r1", "r2"]}
    assert matches(pattern, event) is fits


def test_versions_count_up_per_group_and_a_token_makes_one_alone(plane: ControlPlane) -> None:
    sagemaker = plane.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="g")
    made = [
        sagemaker.create_model_package(ModelPackageGroupName="g", ClientToken=token)
        for token in ("a", "b", "a")
    ]
    assert [one["ModelPackageArn"][-1] for one in made] == ["1", "2", "1"]


def test_a_callback_is_answered_once(plane: ControlPlane) -> None:
    sagemaker = plane.client("sagemaker")
    role = {"RoleArn": ROLE, "PipelineDefinition": "{}"}
    sagemaker.create_pipeline(PipelineName="p", **role)
    arn = sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    token = plane.part(Pipelines).callback(arn, "BuildImage")
    output = [{"Name": "ImageUri", "Value": "i@sha256:0"}]
    sagemaker.send_pipeline_execution_step_success(CallbackToken=token, OutputParameters=output)
    with pytest.raises(ClientError, match="not waiting"):
        sagemaker.send_pipeline_execution_step_failure(CallbackToken=token)
    (step,) = sagemaker.list_pipeline_execution_steps(PipelineExecutionArn=arn)[
        "PipelineExecutionSteps"
    ]
    assert step["StepStatus"] == "Succeeded"


def test_an_execution_stops_when_its_callback_has_been_answered(plane: ControlPlane) -> None:
    sagemaker, queues = plane.client("sagemaker"), plane.part(Queues)
    url = queues.make("builds", 3)
    sagemaker.create_pipeline(PipelineName="p", RoleArn=ROLE, PipelineDefinition="{}")
    arn = sagemaker.start_pipeline_execution(PipelineName="p")["PipelineExecutionArn"]
    token = plane.part(Pipelines).callback(arn, "BuildImage", url, {"Fingerprint": "f"})
    heard: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> dict[str, Any]:
        heard.extend(event["Records"])
        return {"batchItemFailures": []}

    queues.subscribe("builds", hear)
    sagemaker.stop_pipeline_execution(PipelineExecutionArn=arn)
    plane.advance(60)

    def status() -> str:
        found = sagemaker.describe_pipeline_execution(PipelineExecutionArn=arn)
        return str(found["PipelineExecutionStatus"])

    assert status() == "Stopping"
    (told,) = heard
    assert json.loads(told["body"]) == {
        "token": token,
        "pipelineExecutionArn": arn,
        "status": "Stopping",
        "arguments": {"Fingerprint": "f"},
    }
    sagemaker.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="stopped")
    assert status() == "Stopped"


def test_objects_are_kept_and_listed_by_prefix(plane: ControlPlane) -> None:
    s3 = plane.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="a/<1>", Body=b"one & two")
    assert s3.get_object(Bucket="bucket", Key="a/<1>")["Body"].read() == b"one & two"
    listed = s3.list_objects_v2(Bucket="bucket", Prefix="a/")["Contents"]
    assert [(one["Key"], one["Size"]) for one in listed] == [("a/<1>", 9)]
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="bucket", Key="b")


def test_an_alarm_has_one_criterion(plane: ControlPlane) -> None:
    cloudwatch = plane.client("cloudwatch")
    criteria = {"PromQLCriteria": {"Query": 'sum(rate({"x"}[5m])) > 1'}}
    with pytest.raises(ClientError, match="one of MetricName"):
        cloudwatch.put_metric_alarm(AlarmName="a", **ALARM, EvaluationCriteria=criteria)
    with pytest.raises(ClientError, match="EvaluationInterval"):
        cloudwatch.put_metric_alarm(AlarmName="a", EvaluationCriteria=criteria)


def test_what_the_fake_does_not_know_is_no_success(plane: ControlPlane) -> None:
    with pytest.raises(NotImplementedError, match="sagemaker ListDomains"):
        plane.client("sagemaker").list_domains()


def test_calls_are_kept_with_who_made_them(plane: ControlPlane) -> None:
    plane.as_role("deploy").client("sagemaker").list_models(NameContains="x")
    (call,) = plane.calls
    assert (call.role, call.operation, call.parameters) == (
        "deploy",
        "ListModels",
        {"NameContains": "x"},
    )
