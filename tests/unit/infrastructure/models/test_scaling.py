"""Scaling: by requests in flight, to the plan's number, and out of nothing where it is so."""

from __future__ import annotations

from typing import Any

from pipelines.endpoint import scaling as pipeline
from tests.support.capacity_boxes import endpoint_template
from tests.support.shapes import check_request

TARGET = "AWS::ApplicationAutoScaling::ScalableTarget"
POLICY = "AWS::ApplicationAutoScaling::ScalingPolicy"
ALARM = "AWS::CloudWatch::Alarm"
KEEPS_ONE = {"scale_to_zero": False, "copies_min": 1, "copies_max": 4, "min_instances": 1}


def test_targets_and_policies_are_requests_that_autoscaling_knows():
    for stage in ("dev", "prod"):
        template = endpoint_template(stage)
        target = template.only(TARGET)
        check_request("application-autoscaling", "RegisterScalableTarget", target)
        for policy in template.of_type(POLICY):
            request = {key: policy[key] for key in policy if key != "ScalingTargetId"}
            where = {key: target[key] for key in target if not key.endswith("Capacity")}
            check_request("application-autoscaling", "PutScalingPolicy", {**where, **request})


def test_instances_are_tracked_by_requests_in_flight_to_the_plans_number():
    tracking = _tracking("prod")
    assert tracking["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerVariantConcurrentRequestsPerModelHighResolution"
    }
    assert tracking["TargetValue"] == 11  # 0.7 of 16


def test_copies_are_tracked_by_requests_in_flight_too():
    assert _tracking("dev")["PredefinedMetricSpecification"] == {
        "PredefinedMetricType": "SageMakerInferenceComponentConcurrentRequestsPerCopyHighResolution"
    }


def test_metric_and_cool_downs_are_those_of_the_pipelines_deployments():
    tracking = _tracking("prod")
    metric = tracking["PredefinedMetricSpecification"]["PredefinedMetricType"]
    assert metric == pipeline.METRIC
    assert (tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (60, 600)


def test_the_variant_scales_between_the_settings_bounds():
    target = endpoint_template("prod").only(TARGET)
    assert (target["MinCapacity"], target["MaxCapacity"]) == (2, 8)
    assert target["ResourceId"] == "endpoint/keepwarm-prod/variant/main"
    assert target["ScalableDimension"] == pipeline.DIMENSION


def test_a_fixed_number_of_instances_has_no_policy():
    template = endpoint_template("prod", model={"min_instances": 3, "max_instances": 3})
    assert template.of_type(TARGET) == [] and template.of_type(POLICY) == []


def test_a_request_that_finds_no_copy_makes_the_first_one_come():
    template = endpoint_template("dev")
    alarm = template.only(ALARM)
    assert alarm["MetricName"] == "NoCapacityInvocationFailures"
    assert alarm["Dimensions"] == [{"Name": "InferenceComponentName", "Value": "keepwarm-dev-main"}]
    ((name, step),) = [
        (name, one)
        for name, one in template.named(POLICY)
        if one["Properties"]["PolicyType"] == "StepScaling"
    ]
    assert alarm["AlarmActions"] == [{"Ref": name}]
    steps = step["Properties"]["StepScalingPolicyConfiguration"]["StepAdjustments"]
    assert steps == [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]


def test_copies_that_are_always_there_need_not_be_woken():
    assert endpoint_template("dev", model=KEEPS_ONE).of_type(ALARM) == []


def _tracking(stage: str) -> dict[str, Any]:
    (policy,) = [
        one
        for one in endpoint_template(stage).of_type(POLICY)
        if one["PolicyType"] == "TargetTrackingScaling"
    ]
    found: dict[str, Any] = policy["TargetTrackingScalingPolicyConfiguration"]
    return found
