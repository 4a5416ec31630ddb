"""A stage with all that the shipped ones do not choose: another region, other kinds of boxes."""

from __future__ import annotations

from pathlib import Path

import pytest

from infrastructure.assembly import Assembly
from infrastructure.settings import Stage
from infrastructure.synthesis import read, synthesise
from tests.support.infrastructure import a_stage

CERTIFICATE = "arn:aws:acm:{}:111122223333:certificate/one"


def other_stage() -> Stage:
    return a_stage(
        "dev",
        name="other",
        region="eu-central-1",
        network={"nat_gateways": 1, "zones": 3},
        edge={
            "hosted_zone_id": "",
            "certificate_arn": CERTIFICATE.format("us-east-1"),
            "balancer_certificate_arn": CERTIFICATE.format("eu-central-1"),
            "allowed_countries": ("DE", "FR"),
        },
        sign_in={"issuer": "https://id.example.com", "client_id": "page", "domain_prefix": ""},
        sessions={"kind": "serverless"},
        function={
            "snap_start": False,
            "provisioned_concurrency": 2,
            "reserved_concurrency": 10,
            "architecture": "x86_64",
        },
        model={
            "kind": "existing",
            "endpoint_name": "keepwarm",
            "package_arn": "",
            "scale_to_zero": False,
        },
    )


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Assembly:
    folder: Path = tmp_path_factory.mktemp("edge") / "other"
    synthesise(other_stage(), folder)
    return read(folder, other_stage())


def test_the_firewall_reaches_another_region_s_distribution(other: Assembly) -> None:
    (distribution,) = other.resources("AWS::CloudFront::Distribution")
    config = distribution.properties["DistributionConfig"]

    assert list(other.resources("Custom::CrossRegionExportWriter"))
    assert config["WebACLId"]
    assert config["ViewerCertificate"]["AcmCertificateArn"] == CERTIFICATE.format("us-east-1")
    assert config["Restrictions"]["GeoRestriction"]["Locations"] == ["DE", "FR"]


def test_an_endpoint_that_exists_is_called_and_not_made(other: Assembly) -> None:
    assert "models" not in other.templates
    assert not list(other.resources("AWS::SageMaker::Endpoint", "AWS::SageMaker::Model"))
    assert any(
        "endpoint/keepwarm" in other.text(policy.part, statement["Resource"])
        for policy in other.resources("AWS::IAM::Policy")
        for statement in policy.properties["PolicyDocument"]["Statement"]
    )


def test_serverless_sessions_have_no_nodes(other: Assembly) -> None:
    assert list(other.resources("AWS::ElastiCache::ServerlessCache"))
    assert not list(other.resources("AWS::ElastiCache::ReplicationGroup"))


def test_an_issuer_of_one_s_own_takes_cognito_s_place_and_is_reached_by_a_nat(
    other: Assembly,
) -> None:
    assert not list(other.resources("AWS::Cognito::UserPool", "AWS::ApiGateway::Authorizer"))
    assert len(list(other.resources("AWS::EC2::NatGateway"))) == 1
    environments = [
        function.properties.get("Environment", {}).get("Variables", {})
        for function in other.resources("AWS::Lambda::Function")
    ]
    assert "https://id.example.com" in [one.get("KEEPWARM_JWT_ISSUER") for one in environments]


def test_what_is_given_is_not_made(other: Assembly) -> None:
    assert not list(other.resources("AWS::CertificateManager::Certificate"))
    assert not list(other.resources("AWS::Route53::RecordSet"))


def test_instances_are_kept_ready_where_there_is_no_snapshot(other: Assembly) -> None:
    (alias,) = other.resources("AWS::Lambda::Alias")
    concurrency = alias.properties["ProvisionedConcurrencyConfig"]

    assert concurrency == {"ProvisionedConcurrentExecutions": 2}
    assert not any(
        "SnapStart" in one.properties for one in other.resources("AWS::Lambda::Function")
    )


def test_there_are_as_many_zones_as_asked_for(other: Assembly) -> None:
    private = [one for one in other.resources("AWS::EC2::Subnet") if "private" in one.path]

    assert len(private) == 3
