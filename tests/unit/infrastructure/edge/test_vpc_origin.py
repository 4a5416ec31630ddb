"""CloudFront's way into the VPC leads to the balancer, over TLS, and to nothing else."""

from __future__ import annotations

from infrastructure.edge.vpc_origin import SERVICE_GROUP
from tests.support.edge_boxes import edge_templates


def test_the_origin_is_the_internal_balancer_over_tls_alone():
    config = edge_templates().edge.only("AWS::CloudFront::VpcOrigin")["VpcOriginEndpointConfig"]
    assert "Balancer" in config["Arn"]["Ref"]
    assert config["OriginProtocolPolicy"] == "https-only"
    assert config["OriginSSLProtocols"] == ["TLSv1.2"]


def test_the_balancer_takes_connections_of_cloudfronts_own_group_alone():
    rule = edge_templates().edge.only("AWS::EC2::SecurityGroupIngress")
    assert "SecurityBalancer" in str(rule["GroupId"])
    assert "VpcOriginServiceGroup" in str(rule["SourceSecurityGroupId"])
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)


def test_that_group_is_looked_up_in_this_vpc_once_the_origin_has_made_it():
    edge = edge_templates().edge
    ((origin, _),) = edge.named("AWS::CloudFront::VpcOrigin")
    (lookup,) = [
        one
        for _, one in edge.named("Custom::Ec2Lookup")
        if "describeSecurityGroups" in str(one["Properties"]["Create"])
    ]
    question = str(lookup["Properties"]["Create"])
    assert SERVICE_GROUP in question
    assert "NetworkVpc" in question
    assert origin in lookup["DependsOn"]


def test_the_origin_waits_for_a_listener_that_can_answer():
    edge = edge_templates().edge
    ((_, origin),) = edge.named("AWS::CloudFront::VpcOrigin")
    ((listener, _),) = edge.named("AWS::ElasticLoadBalancingV2::Listener")
    assert listener in origin["DependsOn"]
