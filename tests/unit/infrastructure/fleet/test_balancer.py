"""The fleet's balancer: internal, TLS under its certificate's name, patient with streams."""

from __future__ import annotations

from typing import Any

from container.settings import ContainerSettings
from orchestrator_lambda.backends.fleet import DEFAULT_PATH, path_of
from orchestrator_lambda.backends.homes import HOME_TTL_S
from tests.support.capacity_boxes import fleet_template

BALANCER = "AWS::ElasticLoadBalancingV2::LoadBalancer"
LISTENER = "AWS::ElasticLoadBalancingV2::Listener"
TARGETS = "AWS::ElasticLoadBalancingV2::TargetGroup"
CERTIFICATE = "AWS::CertificateManager::Certificate"
RECORD = "AWS::Route53::RecordSet"
ZONE = "AWS::Route53::HostedZone"
GIVEN = {
    "hosted_zone_id": "",
    "certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/viewer",
    "balancer_certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/balancer",
}


def test_the_balancer_is_reached_from_inside_alone():
    balancer = fleet_template().only(BALANCER)
    assert balancer["Scheme"] == "internal"
    assert len(balancer["SecurityGroups"]) == 1


def test_a_silent_stream_is_kept_open():
    seconds = int(_attributes(BALANCER, "LoadBalancerAttributes")["idle_timeout.timeout_seconds"])
    assert seconds == 300
    assert seconds > ContainerSettings().heartbeat_seconds


def test_the_only_way_in_is_tls():
    listener = fleet_template().only(LISTENER)
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13")


def test_health_is_the_containers_own_word():
    targets = fleet_template().only(TARGETS)
    assert (targets["HealthCheckPath"], targets["Matcher"]) == ("/ping", {"HttpCode": "200"})
    assert (targets["Port"], targets["Protocol"]) == (ContainerSettings().port, "HTTP")


def test_a_conversation_begins_where_the_fewest_requests_are():
    attributes = _attributes(TARGETS, "TargetGroupAttributes")
    assert attributes["load_balancing.algorithm.type"] == "least_outstanding_requests"


def test_and_comes_back_there_for_as_long_as_the_function_keeps_the_cookie():
    attributes = _attributes(TARGETS, "TargetGroupAttributes")
    assert (attributes["stickiness.enabled"], attributes["stickiness.type"]) == (
        "true",
        "lb_cookie",
    )
    assert int(attributes["stickiness.lb_cookie.duration_seconds"]) == HOME_TTL_S == 3600


def test_an_instance_that_leaves_may_finish_its_longest_stream():
    attributes = _attributes(TARGETS, "TargetGroupAttributes")
    seconds = int(attributes["deregistration_delay.timeout_seconds"])
    assert seconds > ContainerSettings().stream_deadline_seconds


def test_the_name_in_the_certificate_resolves_to_the_balancer_inside_the_vpc():
    template = fleet_template()
    assert template.only(CERTIFICATE)["DomainName"] == "fleet.chat.example.com"
    assert template.only(RECORD)["Name"] == "fleet.chat.example.com."
    zone = template.only(ZONE)
    assert zone["Name"] == "fleet.chat.example.com." and len(zone["VPCs"]) == 1


def test_a_given_certificate_is_for_the_domain_and_so_is_the_name():
    template = fleet_template("prod", edge=GIVEN)
    assert template.of_type(CERTIFICATE) == []
    assert template.only(LISTENER)["Certificates"] == [
        {"CertificateArn": GIVEN["balancer_certificate_arn"]}
    ]
    assert template.only(RECORD)["Name"] == "chat.example.com."


def test_the_function_calls_the_containers_own_route():
    assert path_of("https://fleet.chat.example.com") == DEFAULT_PATH == "/invocations"


def test_a_stage_that_keeps_its_data_keeps_its_balancer():
    kept = _attributes(BALANCER, "LoadBalancerAttributes")
    assert kept["deletion_protection.enabled"] == "true"


def _attributes(kind: str, name: str) -> dict[str, Any]:
    return {one["Key"]: one["Value"] for one in fleet_template().only(kind)[name]}
