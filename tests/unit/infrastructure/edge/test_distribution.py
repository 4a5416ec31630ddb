"""CloudFront: the page as its files say, the API as it comes."""

from __future__ import annotations

import pytest

from tests.support.edge_boxes import DOMAIN, Resource, edge_templates

# AWS's own policies by their fixed ids.
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
ALL_VIEWER = "216adef6-5c7f-47e4-b989-5492eafa07d3"
METHODS = {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}


def test_the_api_is_neither_cached_nor_compressed():
    behavior = _api_behavior()
    assert behavior["PathPattern"] == "/v1/*"
    assert behavior["CachePolicyId"] == CACHING_DISABLED
    assert behavior["Compress"] is False


def test_the_api_gets_every_method_and_the_viewers_headers_with_its_host():
    behavior = _api_behavior()
    assert set(behavior["AllowedMethods"]) == METHODS
    assert behavior["OriginRequestPolicyId"] == ALL_VIEWER


def test_the_api_is_never_asked_without_tls():
    assert _api_behavior()["ViewerProtocolPolicy"] == "https-only"


@pytest.mark.parametrize(("variant", "seconds"), [("plain", 60), ("kept", 90)])
def test_the_api_is_behind_the_vpc_origin_with_the_read_timeout_of_the_settings(
    variant: str, seconds: int
):
    origin = _origin_of(variant, _config(variant)["CacheBehaviors"][0])
    assert origin["OriginPath"] == "/live"
    assert "Balancer" in str(origin["DomainName"])
    assert "VpcOrigin" in str(origin["VpcOriginConfig"]["VpcOriginId"])
    assert origin["VpcOriginConfig"]["OriginReadTimeout"] == seconds


def test_the_page_is_read_from_its_bucket_by_this_distribution_alone():
    edge = edge_templates().edge
    origin = _origin_of("plain", _config()["DefaultCacheBehavior"])
    assert "PageBucket" in str(origin["DomainName"])
    assert origin["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    access = edge.only("AWS::CloudFront::OriginAccessControl")["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["SigningProtocol"]) == ("always", "sigv4")
    (reader,) = [
        statement
        for policy in edge.of_type("AWS::S3::BucketPolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "cloudfront.amazonaws.com"}
    ]
    assert reader["Action"] == "s3:GetObject"
    ((name, _),) = edge.named("AWS::CloudFront::Distribution")
    assert name in str(reader["Condition"]["StringEquals"])


def test_a_missing_file_never_becomes_an_answer_of_the_page():
    """An error page for the whole distribution would take the place of the API's errors."""
    for error in _config()["CustomErrorResponses"]:
        assert "ResponsePagePath" not in error
        assert "ResponseCode" not in error


def test_one_users_error_is_never_kept_for_the_next_one():
    kept = {
        error["ErrorCode"]: error["ErrorCachingMinTTL"]
        for error in _config()["CustomErrorResponses"]
    }
    assert kept.keys() >= {403, 404, 405, 500, 502, 503, 504}
    assert set(kept.values()) == {0}


def test_views_are_rewritten_before_the_cache_for_the_page_alone():
    (association,) = _config()["DefaultCacheBehavior"]["FunctionAssociations"]
    assert association["EventType"] == "viewer-request"
    assert "FunctionAssociations" not in _api_behavior()


def test_the_pages_files_say_themselves_how_long_they_are_kept():
    policy = edge_templates().edge.only("AWS::CloudFront::CachePolicy")["CachePolicyConfig"]
    assert (policy["MinTTL"], policy["DefaultTTL"]) == (0, 0)
    assert policy["MaxTTL"] == 365 * 24 * 3600
    assert _config()["DefaultCacheBehavior"]["Compress"] is True
    assert policy["ParametersInCacheKeyAndForwardedToOrigin"]["EnableAcceptEncodingBrotli"]


def test_the_page_is_only_read():
    behavior = _config()["DefaultCacheBehavior"]
    assert set(behavior["AllowedMethods"]) == {"GET", "HEAD"}
    assert behavior["ViewerProtocolPolicy"] == "redirect-to-https"


def test_viewers_come_by_the_domain_over_tls_1_2_or_later():
    config = _config()
    assert config["Aliases"] == [DOMAIN]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2025"
    assert config["ViewerCertificate"]["SslSupportMethod"] == "sni-only"


def test_the_firewall_stands_before_it():
    assert "Firewall" in str(_config()["WebACLId"])


def test_requests_are_logged_without_cookies():
    logging = _config()["Logging"]
    assert logging["IncludeCookies"] is False
    assert "LogsBucket" in str(logging["Bucket"])


def test_countries_are_let_in_by_the_settings():
    assert "Restrictions" not in _config()
    restriction = _config("kept")["Restrictions"]["GeoRestriction"]
    assert restriction == {"RestrictionType": "whitelist", "Locations": ["AT", "DE"]}


def test_the_domain_leads_to_it_where_the_stage_has_a_zone():
    records = edge_templates().edge.of_type("AWS::Route53::RecordSet")
    assert {record["Type"] for record in records} == {"A", "AAAA"}
    assert {record["Name"] for record in records} == {f"{DOMAIN}."}
    assert edge_templates("kept").edge.of_type("AWS::Route53::RecordSet") == []


def _config(variant: str = "plain") -> Resource:
    edge = edge_templates(variant).edge
    config: Resource = edge.only("AWS::CloudFront::Distribution")["DistributionConfig"]
    return config


def _api_behavior() -> Resource:
    (behavior,) = _config()["CacheBehaviors"]
    return behavior


def _origin_of(variant: str, behavior: Resource) -> Resource:
    by_id = {origin["Id"]: origin for origin in _config(variant)["Origins"]}
    return by_id[behavior["TargetOriginId"]]
