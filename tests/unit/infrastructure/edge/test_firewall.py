"""The firewall before CloudFront."""

from __future__ import annotations

import json
import re

import pytest

from infrastructure.edge.firewall import (
    BAD_INPUT_BODY_RULES,
    COMMON_BODY_RULES,
    TURN_PATHS,
)
from infrastructure.edge.gateway_responses import ERRORS, body_of
from tests.support.edge_boxes import Resource, edge_templates

ACL = "AWS::WAFv2::WebACL"


def test_rates_are_counted_before_anything_dearer():
    assert [rule["Name"] for rule in _by_priority()] == [
        "requests",
        "turns",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    ]


@pytest.mark.parametrize(("name", "limit"), [("requests", 2000), ("turns", 300)])
def test_one_address_gets_no_more_than_the_settings_say(name: str, limit: int):
    rate = _rule(name)["Statement"]["RateBasedStatement"]
    assert (rate["AggregateKeyType"], rate["Limit"], rate["EvaluationWindowSec"]) == (
        "IP",
        limit,
        300,
    )


@pytest.mark.parametrize("name", ["requests", "turns"])
def test_too_many_requests_are_answered_like_any_other_429(name: str):
    response = _rule(name)["Action"]["Block"]["CustomResponse"]
    assert response["ResponseCode"] == 429
    assert [header["Name"] for header in response["ResponseHeaders"]] == ["Retry-After"]
    body = _acl()["CustomResponseBodies"][response["CustomResponseBodyKey"]]
    assert body["ContentType"] == "APPLICATION_JSON"
    error = json.loads(body["Content"])["error"]
    assert error.keys() == json.loads(body_of(ERRORS[0]))["error"].keys()
    assert error["code"] == "rate_limited"


def test_the_stricter_limit_is_for_posts_that_make_the_model_work():
    only = _rule("turns")["Statement"]["RateBasedStatement"]["ScopeDownStatement"]
    method, path = only["AndStatement"]["Statements"]
    assert method["ByteMatchStatement"]["SearchString"] == "POST"
    assert method["ByteMatchStatement"]["PositionalConstraint"] == "EXACTLY"
    assert path["RegexMatchStatement"]["RegexString"] == TURN_PATHS


@pytest.mark.parametrize(
    "path",
    [
        "/v1/chat/completions",
        "/v1/conversations/0198-a/messages",
        "/v1/conversations/0198-a/messages/4/edit",
        "/v1/conversations/0198-a/messages/4/regenerate",
    ],
)
def test_a_turn_is_known_by_its_path(path: str):
    assert re.match(TURN_PATHS, path)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/conversations",
        "/v1/conversations/0198-a/warm",
        "/v1/conversations/0198-a/messages/4/stop",
        "/v1/conversations/0198-a/messages/4/stream",
    ],
)
def test_following_and_stopping_are_no_turns(path: str):
    assert not re.match(TURN_PATHS, path)


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("AWSManagedRulesAmazonIpReputationList", ()),
        ("AWSManagedRulesKnownBadInputsRuleSet", BAD_INPUT_BODY_RULES),
        ("AWSManagedRulesCommonRuleSet", COMMON_BODY_RULES),
    ],
)
def test_a_message_about_code_is_counted_and_not_blocked(name: str, counted: tuple[str, ...]):
    rule = _rule(name)
    group = rule["Statement"]["ManagedRuleGroupStatement"]
    overrides = group.get("RuleActionOverrides", [])
    assert {one["Name"] for one in overrides} == set(counted)
    assert all(one["ActionToUse"] == {"Count": {}} for one in overrides)
    assert all(one.endswith("_BODY") for one in counted)
    assert rule["OverrideAction"] == {"None": {}}


def test_refusals_are_logged_without_tokens_cookies_and_sign_in_codes():
    logging = edge_templates().firewall.only("AWS::WAFv2::LoggingConfiguration")
    assert logging["RedactedFields"] == [
        {"SingleHeader": {"Name": "authorization"}},
        {"SingleHeader": {"Name": "cookie"}},
        {"QueryString": {}},
    ]


def test_the_log_has_the_name_that_the_firewall_needs_and_forgets():
    log = edge_templates().firewall.only("AWS::Logs::LogGroup")
    assert log["LogGroupName"] == "aws-waf-logs-keepwarm-dev"
    assert log["RetentionInDays"] == 30


def test_no_sample_of_requests_is_kept_beside_the_log():
    for one in [_acl(), *_by_priority()]:
        assert one["VisibilityConfig"]["SampledRequestsEnabled"] is False
        assert one["VisibilityConfig"]["CloudWatchMetricsEnabled"] is True


def test_it_is_cloudfronts_and_lets_through_what_no_rule_stops():
    assert _acl()["Scope"] == "CLOUDFRONT"
    assert _acl()["DefaultAction"] == {"Allow": {}}


def _acl() -> Resource:
    return edge_templates().firewall.only(ACL)


def _by_priority() -> list[Resource]:
    return sorted(_acl()["Rules"], key=lambda rule: int(rule["Priority"]))


def _rule(name: str) -> Resource:
    (found,) = [rule for rule in _acl()["Rules"] if rule["Name"] == name]
    rule: Resource = found
    return rule
