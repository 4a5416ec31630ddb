from __future__ import annotations

from typing import Any

import pytest

from infrastructure.errors import SettingsError
from tests.support.infrastructure import a_stage

CERTIFICATE = "arn:aws:acm:{}:111122223333:certificate/one"
IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/keepwarm@sha256:" + "0" * 64
PACKAGE = "arn:aws:sagemaker:us-east-1:111122223333:model-package/keepwarm/1"

OUT_OF_BOUNDS: list[tuple[dict[str, Any], str]] = [
    ({"account": "12"}, 'account = "12" must be the twelve digits of an account'),
    ({"account": ""}, 'account = "" is missing'),
    ({"region": "Frankfurt"}, "must be a region such as eu-central-1"),
    ({"prefix": "Keepwarm"}, "must be 2 to 20 lower-case letters"),
    ({"name": "pre-prod"}, "must be 1 to 12 lower-case letters and digits"),
    ({"removal": "keep"}, "must be one of retain, destroy"),
    ({"tags": {"cost": 3}}, "must be a table of texts"),
    ({"network": {"zones": 1}}, "network.zones = 1 must be from 2 to 3"),
    ({"network": {"zones": "2"}}, 'network.zones = "2" must be a whole number'),
    ({"network": {"zones": True}}, "network.zones = true must be a whole number"),
    ({"network": {"flow_logs": 1}}, "network.flow_logs = 1 must be true or false"),
    ({"network": {"cidr": "10.0.0.0/8"}}, "must be a range such as 10.40.0.0/16"),
    ({"edge": {"domain": ""}}, 'edge.domain = "" is missing'),
    ({"edge": {"domain": "https://chat.example.com"}}, "must be a host name"),
    ({"edge": {"read_seconds": 121}}, "must be from 1 to 120"),
    ({"edge": {"price_class": "cheap"}}, "must be one of PriceClass_100"),
    ({"edge": {"allowed_countries": ("DE", "germany")}}, "must be country codes such as DE"),
    ({"edge": {"allowed_countries": "DE"}}, "must be a list of texts"),
    ({"sign_in": {"mfa": "yes"}}, "must be one of off, optional, required"),
    ({"function": {"timeout_s": 901}}, "must be from 30 to 900"),
    ({"function": {"log_days": 31}}, "must be one of 1, 3, 5"),
    ({"events": {"retention_hours": 12}}, "must be from 24 to 8 760"),
    ({"model": {"prefix_length": 512}}, "must be from 1 024 to 65 536"),
    ({"model": {"image_uri": "1.dkr.ecr.eu-west-1.amazonaws.com/x"}}, "by its digest"),
    ({"fleet": {"image_uri": IMAGE.partition("@")[0] + ":latest"}}, "by its digest"),
    ({"watch": {"hit_share_floor": 1.5}}, "must be from 0 to 1"),
    ({"watch": {"email": "nobody"}}, "must be a mail address"),
]

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"edge": {"hosted_zone_id": ""}}, "edge.certificate_arn"),
    (
        {"edge": {"hosted_zone_id": "", "certificate_arn": CERTIFICATE.format("us-east-1")}},
        "edge.balancer_certificate_arn",
    ),
    ({"edge": {"certificate_arn": CERTIFICATE.format("eu-west-1")}}, "in us-east-1"),
    ({"edge": {"balancer_certificate_arn": CERTIFICATE.format("eu-west-1")}}, "in us-east-1"),
    ({"edge": {"read_seconds": 60, "idle_seconds": 30}}, "edge.idle_seconds = 30"),
    ({"sign_in": {"domain_prefix": ""}}, "sign_in.issuer"),
    ({"sign_in": {"client_id": "page"}}, "sign_in.issuer, which is not set"),
    (
        {"network": {"nat_gateways": 1}, "sign_in": {"issuer": "https://id.example.com"}},
        "sign_in.client_id",
    ),
    (
        {"sign_in": {"issuer": "https://id.example.com", "client_id": "page"}},
        "network.nat_gateways from 1 on",
    ),
    (
        {"function": {"snap_start": True, "provisioned_concurrency": 2}},
        "0 with function.snap_start",
    ),
    (
        {
            "function": {
                "snap_start": False,
                "provisioned_concurrency": 5,
                "reserved_concurrency": 4,
            }
        },
        "function.reserved_concurrency = 4",
    ),
    ({"network": {"nat_gateways": 3}}, "network.zones = 2"),
    ({"removal": "retain"}, "sessions.replicas"),
    ({"watch": {"prices": "[1]"}}, "a JSON object"),
    ({"watch": {"prices": "{"}}, "a JSON object"),
    ({"model": {"kind": "existing", "package_arn": "", "scale_to_zero": False}}, "endpoint_name"),
    (
        {"model": {"kind": "existing", "endpoint_name": "keepwarm", "scale_to_zero": False}},
        "means nothing to an existing endpoint",
    ),
    ({"model": {"concurrency": 0}}, "model.plan_file"),
    ({"model": {"plan_file": "plan.json"}}, "must be 0 with model.plan_file"),
    ({"model": {"package_arn": ""}}, "model.image_uri"),
    ({"model": {"package_arn": "", "image_uri": IMAGE}}, "model.data_url"),
    ({"model": {"image_uri": IMAGE}}, "take out model.image_uri"),
    ({"model": {"kind": "endpoint"}}, 'needs model.kind = "components"'),
    ({"model": {"copies_min": 1}}, "must be 0 with model.scale_to_zero"),
    ({"model": {"min_instances": 1}}, "must be 0 with model.scale_to_zero"),
    ({"model": {"scale_to_zero": False}}, "from 1 on without model.scale_to_zero"),
    (
        {
            "model": {
                "kind": "endpoint",
                "scale_to_zero": False,
                "copies_min": 1,
                "min_instances": 5,
                "max_instances": 4,
            }
        },
        "max_instances = 4",
    ),
    ({"fleet": {"enabled": True, "model_uri": "s3://a-bucket/m/", "concurrency": 4}}, "image_uri"),
    ({"fleet": {"enabled": True, "image_uri": IMAGE, "concurrency": 4}}, "model_uri"),
    (
        {"fleet": {"enabled": True, "image_uri": IMAGE, "model_uri": "s3://a-bucket/m/"}},
        "fleet.concurrency",
    ),
    (
        {
            "fleet": {
                "enabled": True,
                "image_uri": IMAGE,
                "model_uri": "s3://a-bucket/m/",
                "concurrency": 4,
                "min_instances": 5,
            }
        },
        "fleet.min_instances",
    ),
]


@pytest.mark.parametrize(("changes", "said"), OUT_OF_BOUNDS)
def test_a_value_out_of_bounds_is_refused_with_what_would_be_right(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        a_stage("dev", **changes)

    assert said in str(refused.value)
    assert str(refused.value).startswith("stage '")


@pytest.mark.parametrize(("changes", "said"), CONTRADICTIONS)
def test_settings_that_contradict_each_other_are_refused(
    changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        a_stage("dev", **changes)

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_refusal_names_stage_key_and_value() -> None:
    with pytest.raises(SettingsError) as refused:
        a_stage("prod", network={"zones": 9})

    assert str(refused.value) == "stage 'prod': network.zones = 9 must be from 2 to 3"


def test_what_would_be_right_is_let_pass() -> None:
    a_stage("dev", removal="retain", sessions={"replicas": 1})
    a_stage("dev", function={"snap_start": False, "provisioned_concurrency": 2})
    a_stage(
        "dev",
        edge={
            "hosted_zone_id": "",
            "certificate_arn": CERTIFICATE.format("us-east-1"),
            "balancer_certificate_arn": CERTIFICATE.format("us-east-1"),
        },
    )
    a_stage(
        "dev",
        network={"nat_gateways": 1},
        sign_in={"issuer": "https://id.example.com", "client_id": "page", "domain_prefix": ""},
    )
    a_stage(
        "prod",
        model={"kind": "existing", "endpoint_name": "keepwarm", "package_arn": ""},
        fleet={"enabled": False},
    )
