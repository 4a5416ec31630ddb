"""The VPC: nothing inside reaches the internet, unless a stage says so."""

from __future__ import annotations

from infrastructure.network.vpc import zone_context
from tests.support.edge_boxes import edge_stage, edge_templates


def test_no_route_leads_out_of_the_vpc():
    network = edge_templates().network
    assert network.of_type("AWS::EC2::Route") == []
    assert network.of_type("AWS::EC2::NatGateway") == []


def test_there_is_one_private_subnet_in_each_of_two_zones():
    subnets = edge_templates().network.of_type("AWS::EC2::Subnet")
    zones = [subnet["AvailabilityZone"]["Fn::Select"][0] for subnet in subnets]
    assert zones == [0, 1]
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)


def test_a_gateway_is_attached_because_vpc_origins_want_one_and_routes_nothing():
    network = edge_templates().network
    network.only("AWS::EC2::VPCGatewayAttachment")
    network.only("AWS::EC2::InternetGateway")
    assert network.of_type("AWS::EC2::Route") == []


def test_the_default_security_group_is_emptied():
    vpc = edge_templates().network.only("Custom::VpcRestrictDefaultSG")
    assert vpc["DefaultSecurityGroupId"]["Fn::GetAtt"][1] == "DefaultSecurityGroup"


def test_all_flows_are_logged_and_the_log_forgets():
    network = edge_templates().network
    flows = network.only("AWS::EC2::FlowLog")
    assert (flows["TrafficType"], flows["ResourceType"]) == ("ALL", "VPC")
    assert network.only("AWS::Logs::LogGroup")["RetentionInDays"] == 30


def test_a_nat_gateway_stands_only_where_the_settings_ask_for_one():
    network = edge_templates("own_issuer").network
    assert len(network.of_type("AWS::EC2::NatGateway")) == 1
    routes = network.of_type("AWS::EC2::Route")
    by_nat = [route for route in routes if "NatGatewayId" in route]
    by_gateway = [route for route in routes if "GatewayId" in route]
    assert len(by_nat) == 2  # one for each private subnet
    assert len(by_gateway) == 2  # one for each public subnet, where the NAT alone stands


def test_public_subnets_give_no_public_addresses():
    subnets = edge_templates("own_issuer").network.of_type("AWS::EC2::Subnet")
    assert not any(subnet["MapPublicIpOnLaunch"] for subnet in subnets)


def test_the_zones_are_asked_of_aws_at_deployment_and_not_at_synthesis():
    stage = edge_stage()
    assert list(zone_context(stage)) == [
        f"availability-zones:account={stage.account}:region={stage.region}"
    ]
