"""The group: several types, some spot, healthy by /ping, held at its end until it is drained."""

from __future__ import annotations

from typing import Any

from tests.support.capacity_boxes import ALWAYS_THERE, fleet_template
from tests.support.shapes import check_request

GROUP = "AWS::AutoScaling::AutoScalingGroup"
HOOK = "AWS::AutoScaling::LifecycleHook"
LAUNCH = "AWS::EC2::LaunchTemplate"


def test_spot_comes_from_where_it_is_deepest_and_a_base_is_never_spot():
    assert _group()["MixedInstancesPolicy"]["InstancesDistribution"] == {
        "OnDemandAllocationStrategy": "prioritized",
        "OnDemandBaseCapacity": 1,
        "OnDemandPercentageAboveBaseCapacity": 50,
        "SpotAllocationStrategy": "price-capacity-optimized",
    }
    assert _group()["CapacityRebalance"] is True


def test_the_types_of_the_settings_are_mixed_in_their_order():
    overrides = _group()["MixedInstancesPolicy"]["LaunchTemplate"]["Overrides"]
    assert overrides == [{"InstanceType": "g6.xlarge"}, {"InstanceType": "g5.xlarge"}]


def test_health_is_the_balancers_after_the_time_to_load():
    group = _group(**ALWAYS_THERE)
    assert group["HealthCheckType"] == "ELB"
    assert group["HealthCheckGracePeriod"] == 2400


def test_the_group_has_the_settings_bounds():
    group = _group(**ALWAYS_THERE)
    assert (group["MinSize"], group["MaxSize"]) == ("1", "7")


def test_instances_come_without_a_public_address():
    assert len(_group()["VPCZoneIdentifier"]) == 2
    assert "AssociatePublicIpAddress" not in str(_launch())


def test_an_ending_instance_is_held_until_it_lets_go_or_the_time_is_over():
    hook = fleet_template().only(HOOK)
    assert hook["LifecycleTransition"] == "autoscaling:EC2_INSTANCE_TERMINATING"
    assert (hook["LifecycleHookName"], hook["DefaultResult"]) == ("drain", "CONTINUE")
    assert hook["HeartbeatTimeout"] == 600
    check_request("autoscaling", "PutLifecycleHook", hook)


def test_the_metadata_service_wants_tokens_and_does_not_reach_into_containers():
    assert _launch()["MetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}


def test_the_disk_is_encrypted_and_of_the_settings_size():
    (disk,) = _launch()["BlockDeviceMappings"]
    assert disk["Ebs"] == {
        "DeleteOnTermination": True,
        "Encrypted": True,
        "VolumeSize": 200,
        "VolumeType": "gp3",
    }


def test_nobody_has_a_key_to_the_instances():
    assert "KeyName" not in _launch()


def test_the_machine_image_is_a_public_parameter_looked_up_at_deployment():
    assert _launch()["ImageId"]["Ref"].startswith("SsmParameterValueawsservicedeeplearningami")


def test_the_launch_template_is_a_request_that_ec2_knows():
    request = {"LaunchTemplateName": "fleet", "LaunchTemplateData": _launch()}
    check_request("ec2", "CreateLaunchTemplate", request)


def test_a_new_image_comes_one_instance_after_another():
    ((_, group),) = fleet_template().named(GROUP)
    rolling = group["UpdatePolicy"]["AutoScalingRollingUpdate"]
    assert (rolling["MaxBatchSize"], rolling["PauseTime"]) == (1, "PT30M")


def test_logs_of_containers_are_encrypted_and_forgotten_in_time():
    logs = fleet_template().only("AWS::Logs::LogGroup")
    assert logs["LogGroupName"] == "/keepwarm/prod/fleet"
    assert logs["KmsKeyId"] and logs["RetentionInDays"] == 365


def _group(**changes: Any) -> dict[str, Any]:
    return fleet_template("prod", **changes).only(GROUP)


def _launch() -> dict[str, Any]:
    data: dict[str, Any] = fleet_template().only(LAUNCH)["LaunchTemplateData"]
    return data
