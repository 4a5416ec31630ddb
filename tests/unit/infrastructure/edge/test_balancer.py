"""The internal balancer: one door, over TLS, to one API."""

from __future__ import annotations

import json
import re

from tests.support.edge_boxes import ACCOUNT, DOMAIN, REGION, Resource, edge_templates

V2 = "AWS::ElasticLoadBalancingV2::"


def test_the_balancer_is_internal_and_in_its_own_group():
    balancer = edge_templates().edge.only(f"{V2}LoadBalancer")
    assert balancer["Scheme"] == "internal"
    assert "SecurityBalancer" in str(balancer["SecurityGroups"])
    assert len(balancer["Subnets"]) == 2


def test_a_stream_may_pause_for_as_long_as_the_settings_say():
    assert _attributes("plain")["idle_timeout.timeout_seconds"] == "300"


def test_headers_that_are_none_are_dropped_and_accesses_logged():
    attributes = _attributes("plain")
    assert attributes["routing.http.drop_invalid_header_fields.enabled"] == "true"
    assert attributes["access_logs.s3.enabled"] == "true"


def test_deletion_is_refused_where_the_stage_is_kept():
    assert _attributes("plain")["deletion_protection.enabled"] == "false"
    assert _attributes("kept")["deletion_protection.enabled"] == "true"


def test_the_only_listener_speaks_tls_1_3_and_1_2():
    listener = edge_templates().edge.only(f"{V2}Listener")
    assert (listener["Port"], listener["Protocol"]) == (443, "HTTPS")
    assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-")
    assert len(listener["Certificates"]) == 1


def test_what_no_rule_names_is_not_found():
    (action,) = edge_templates().edge.only(f"{V2}Listener")["DefaultActions"]
    answer = action["FixedResponseConfig"]
    assert (action["Type"], answer["StatusCode"]) == ("fixed-response", "404")
    assert json.loads(answer["MessageBody"])["error"]["code"] == "not_found"


def test_one_rule_takes_this_host_below_the_apis_path():
    rule = _rule()
    host, path = rule["Conditions"]
    assert host["HostHeaderConfig"]["Values"] == [DOMAIN]
    assert path["PathPatternConfig"]["Values"] == ["/live/v1/*"]


def test_the_rule_gives_the_request_the_host_by_which_the_endpoint_knows_the_api():
    (transform,) = _rule()["Transforms"]
    assert transform["Type"] == "host-header-rewrite"
    (rewrite,) = transform["HostHeaderRewriteConfig"]["Rewrites"]
    assert re.fullmatch(rewrite["Regex"], DOMAIN)
    assert not re.fullmatch(rewrite["Regex"], DOMAIN.replace(".", "-"))
    api, name, *_ = rewrite["Replace"]["Fn::Join"][1]
    assert "Api" in str(api)
    assert name == f".execute-api.{REGION}."


def test_targets_are_one_address_of_the_endpoint_in_each_zone():
    group = edge_templates().edge.only(f"{V2}TargetGroup")
    assert (group["TargetType"], group["Protocol"], group["Port"]) == ("ip", "HTTPS", 443)
    assert [target["Port"] for target in group["Targets"]] == [443, 443]
    paths = [target["Id"]["Fn::GetAtt"][1] for target in group["Targets"]]
    assert paths == [f"NetworkInterfaces.{n}.PrivateIpAddress" for n in range(2)]


def test_the_addresses_are_asked_of_the_api_endpoints_interfaces():
    questions = [str(one["Create"]) for one in edge_templates().edge.of_type("Custom::Ec2Lookup")]
    (question,) = [one for one in questions if "describeNetworkInterfaces" in one]
    assert question.count("Endpointsexecuteapi") == 2


def test_an_endpoint_that_refuses_a_bare_request_is_alive():
    group = edge_templates().edge.only(f"{V2}TargetGroup")
    assert "403" in group["Matcher"]["HttpCode"].split(",")
    assert group["HealthCheckProtocol"] == "HTTPS"


def test_a_lookup_may_describe_one_thing_and_do_nothing():
    actions = set()
    for policy in edge_templates().edge.of_type("AWS::IAM::Policy"):
        if "Lookup" in policy["PolicyName"] or "CustomResourcePolicy" in policy["PolicyName"]:
            (statement,) = policy["PolicyDocument"]["Statement"]
            actions.add(statement["Action"])
    assert actions == {"ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups"}


def test_access_logs_go_to_the_edges_own_bucket_below_this_account():
    policy = edge_templates().edge.of_type("AWS::S3::BucketPolicy")
    written = [
        str(statement["Resource"])
        for one in policy
        for statement in one["PolicyDocument"]["Statement"]
        if statement["Action"] == "s3:PutObject"
    ]
    assert any(f"/balancer/AWSLogs/{ACCOUNT}/*" in resource for resource in written)


def _attributes(variant: str) -> dict[str, str]:
    balancer = edge_templates(variant).edge.only(f"{V2}LoadBalancer")
    return {one["Key"]: one["Value"] for one in balancer["LoadBalancerAttributes"]}


def _rule() -> Resource:
    return edge_templates().edge.only(f"{V2}ListenerRule")
