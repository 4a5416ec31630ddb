"""The fleet's scaling: the endpoint's number by another way, and a way out of nothing."""

from __future__ import annotations

from infrastructure.fleet.names import IN_FLIGHT, NAMESPACE
from tests.support.capacity_boxes import ALWAYS_THERE, fleet_template
from tests.support.shapes import check_request

POLICY = "AWS::AutoScaling::ScalingPolicy"
ALARM = "AWS::CloudWatch::Alarm"


def test_the_average_instance_is_tracked_to_the_plans_number():
    (policy,) = [one for one in fleet_template().of_type(POLICY) if "Step" not in one["PolicyType"]]
    tracking = policy["TargetTrackingConfiguration"]
    assert tracking["TargetValue"] == 11  # 0.7 of 16
    metric = tracking["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"]) == (NAMESPACE, IN_FLIGHT)
    assert metric["Statistic"] == "Average"
    assert [one["Name"] for one in metric["Dimensions"]] == ["AutoScalingGroupName"]


def test_policies_are_requests_that_autoscaling_knows():
    for policy in fleet_template().of_type(POLICY):
        check_request("autoscaling", "PutScalingPolicy", {"PolicyName": "p", **policy})


def test_a_request_that_finds_nobody_starts_the_first_instance():
    template = fleet_template()
    ((name, step),) = [
        (name, one)
        for name, one in template.named(POLICY)
        if one["Properties"]["PolicyType"] == "StepScaling"
    ]
    assert step["Properties"]["StepAdjustments"][0]["ScalingAdjustment"] == 1
    alarm = template.only(ALARM)
    assert alarm["MetricName"] == "HTTPCode_ELB_503_Count"
    assert alarm["AlarmActions"] == [{"Ref": name}]


def test_a_fleet_that_is_always_there_need_not_be_woken():
    template = fleet_template("prod", **ALWAYS_THERE)
    assert template.of_type(ALARM) == []
    assert len(template.of_type(POLICY)) == 1
