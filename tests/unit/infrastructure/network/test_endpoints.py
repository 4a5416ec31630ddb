"""Endpoints: one for each service that something inside calls, each with a narrow policy."""

from __future__ import annotations

import pytest

from infrastructure.functions import policies
from infrastructure.network.services import FLEET_SERVICES, FUNCTION_SERVICES
from tests.support.edge_boxes import ACCOUNT, REGION, Resource, edge_templates

ENDPOINT = "AWS::EC2::VPCEndpoint"


def test_the_function_has_endpoints_for_what_it_calls_and_no_more():
    assert set(_interfaces("plain")) == {"execute-api", "kinesis-streams", "sagemaker.runtime"}


def test_a_fleet_adds_those_that_its_instances_call():
    added = {service.name for service in FLEET_SERVICES}
    assert set(_interfaces("fleet")) == set(_interfaces("plain")) | added


@pytest.mark.parametrize("variant", ("plain", "fleet"))
def test_interfaces_stand_in_every_zone_under_the_services_own_name(variant: str):
    for endpoint in _interfaces(variant).values():
        assert endpoint["PrivateDnsEnabled"] is True
        assert len(endpoint["SubnetIds"]) == 2


def test_the_api_has_an_endpoint_and_a_group_of_its_own():
    interfaces = _interfaces("plain")
    api = str(interfaces.pop("execute-api")["SecurityGroupIds"])
    assert "ApiEndpoint" in api
    assert all(str(one["SecurityGroupIds"]) != api for one in interfaces.values())


def test_unsigned_requests_pass_to_this_accounts_apis_alone():
    (statement,) = _statements(_interfaces("plain")["execute-api"])
    assert statement["Action"] == "execute-api:Invoke"
    assert str(statement["Resource"]).count(f":execute-api:{REGION}:{ACCOUNT}:*") == 1


@pytest.mark.parametrize("variant", ("plain", "fleet"))
def test_no_endpoint_lets_another_accounts_principal_through(variant: str):
    for name, endpoint in {**_interfaces(variant), **_gateways(variant)}.items():
        if name == "execute-api":
            continue
        for statement in _statements(endpoint):
            if "starport" in str(statement["Resource"]):
                continue
            condition = statement["Condition"]["StringEquals"]
            assert condition["aws:PrincipalAccount"] == ACCOUNT


@pytest.mark.parametrize("variant", ("plain", "fleet"))
def test_no_endpoint_lets_every_action_through(variant: str):
    for endpoint in {**_interfaces(variant), **_gateways(variant)}.values():
        for statement in _statements(endpoint):
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                assert "*" not in action


def test_endpoints_let_through_what_the_functions_may_do_and_nothing_else():
    """Else a right would be dead, or a door open, and nobody would see it before production."""
    for name, rights in (
        ("kinesis-streams", policies.SEND_ACTIONS),
        ("sagemaker.runtime", policies.GENERATE_ACTIONS),
        ("dynamodb", policies.HISTORY_ACTIONS + policies.MARKS_ACTIONS),
        ("s3", policies.OBJECT_ACTIONS + policies.LIST_ACTIONS),
    ):
        carriers = {**_interfaces("plain"), **_gateways("plain")}
        (statement,) = _statements(carriers[name])
        actions = statement["Action"]
        assert set([actions] if isinstance(actions, str) else actions) == set(rights)


def test_data_can_be_carried_to_this_accounts_resources_alone():
    carriers = {**_interfaces("fleet"), **_gateways("fleet")}
    for name in ("kinesis-streams", "sagemaker.runtime", "logs", "dynamodb", "s3"):
        statement = _statements(carriers[name])[0]
        assert statement["Condition"]["StringEquals"]["aws:ResourceAccount"] == ACCOUNT


def test_s3_and_dynamodb_are_gateways_on_every_private_route_table():
    gateways = _gateways("plain")
    assert set(gateways) == {"s3", "dynamodb"}
    assert all(len(gateway["RouteTableIds"]) == 2 for gateway in gateways.values())


def test_only_a_fleet_may_read_image_layers_of_ecrs_own_bucket():
    assert len(_statements(_gateways("plain")["s3"])) == 1
    layers = _statements(_gateways("fleet")["s3"])[1]
    assert layers["Action"] == "s3:GetObject"
    assert f"prod-{REGION}-starport-layer-bucket/*" in str(layers["Resource"])


def test_services_are_named_once():
    names = [service.name for service in FUNCTION_SERVICES + FLEET_SERVICES]
    assert len(names) == len(set(names))


def _interfaces(variant: str) -> dict[str, Resource]:
    return _of_kind(variant, "Interface")


def _gateways(variant: str) -> dict[str, Resource]:
    return _of_kind(variant, "Gateway")


def _of_kind(variant: str, kind: str) -> dict[str, Resource]:
    found = edge_templates(variant).network.of_type(ENDPOINT)
    return {_service(one): one for one in found if one["VpcEndpointType"] == kind}


def _service(endpoint: Resource) -> str:
    name = endpoint["ServiceName"]
    whole = name if isinstance(name, str) else name["Fn::Join"][1][-1]
    return whole.removeprefix(f"com.amazonaws.{REGION}").removeprefix(".")


def _statements(endpoint: Resource) -> list[Resource]:
    statements: list[Resource] = endpoint["PolicyDocument"]["Statement"]
    return statements
