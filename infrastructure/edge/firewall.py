"""The web application firewall before CloudFront. Belongs into a stack in us-east-1.

    1  too many requests of one address             429
    2  too many turns of one address                429, a stricter limit
    3  AWS's list of addresses of bad repute        403
    4  AWS's list of inputs known to be bad         403, but bodies are counted only
    5  AWS's common rules                           403, but bodies are counted only

People talk about code: an answer to 'what does <script>alert(1)</script> do?' must not be a
firewall's. So rules that read bodies count and do not block; the page renders no HTML of anybody,
and the function takes a body as data alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_wafv2 as waf
from constructs import Construct

from infrastructure.log_groups import log_group
from infrastructure.settings import Stage

# Requests that make the model work.
TURN_PATHS = r"^/v1/(chat/completions|conversations/[^/]+/messages(/[^/]+/(edit|regenerate))?)/?$"

COMMON_BODY_RULES = (
    "CrossSiteScripting_BODY",
    "EC2MetaDataSSRF_BODY",
    "GenericLFI_BODY",
    "GenericRFI_BODY",
    "SizeRestrictions_BODY",  # a conversation's message is longer than its 8 KB
)
BAD_INPUT_BODY_RULES = ("JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY")

_WINDOW_S = 300
_TOO_MANY = "too-many"
_NO_CHANGE = [waf.CfnWebACL.TextTransformationProperty(priority=0, type="NONE")]

Rule = waf.CfnWebACL.RuleProperty
Statement = waf.CfnWebACL.StatementProperty


class Firewall(Construct):
    """The web ACL and its log.

    Attributes:
        arn: for the distribution.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        acl = waf.CfnWebACL(
            self,
            "Acl",
            scope="CLOUDFRONT",
            default_action=waf.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("all"),
            custom_response_bodies=_bodies(),
            rules=_numbered(
                [
                    _rate("requests", stage.edge.rate_per_five_minutes),
                    _rate("turns", stage.edge.chat_rate_per_five_minutes, only=_turns()),
                    _managed("AWSManagedRulesAmazonIpReputationList"),
                    _managed("AWSManagedRulesKnownBadInputsRuleSet", counted=BAD_INPUT_BODY_RULES),
                    _managed("AWSManagedRulesCommonRuleSet", counted=COMMON_BODY_RULES),
                ]
            ),
        )
        self.arn: str = acl.attr_arn
        self._log(stage, acl)

    def _log(self, stage: Stage, acl: waf.CfnWebACL) -> None:
        """Who was refused and why; neither tokens nor sign-in codes nor bodies."""
        # The firewall writes to groups of this beginning only.
        name = f"aws-waf-logs-{stage.prefix}-{stage.name}"
        group = log_group(self, "Log", stage=stage, name=name)
        waf.CfnLoggingConfiguration(
            self,
            "Logging",
            resource_arn=acl.attr_arn,
            log_destination_configs=[
                cdk.Stack.of(self).format_arn(
                    service="logs",
                    resource="log-group",
                    resource_name=group.log_group_name,
                    arn_format=cdk.ArnFormat.COLON_RESOURCE_NAME,
                )
            ],
            redacted_fields=[
                _redacted(single_header={"Name": "authorization"}),
                _redacted(single_header={"Name": "cookie"}),
                _redacted(query_string={}),
            ],
        )


def _numbered(rules: Sequence[dict[str, Any]]) -> list[waf.CfnWebACL.RuleProperty]:
    return [Rule(priority=number, **rule) for number, rule in enumerate(rules)]


def _rate(name: str, limit: int, *, only: Any = None) -> dict[str, Any]:
    return {
        "name": name,
        "statement": Statement(
            rate_based_statement=waf.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP",
                limit=limit,
                evaluation_window_sec=_WINDOW_S,
                scope_down_statement=only,
            )
        ),
        "action": waf.CfnWebACL.RuleActionProperty(
            block=waf.CfnWebACL.BlockActionProperty(
                custom_response=waf.CfnWebACL.CustomResponseProperty(
                    response_code=429,
                    custom_response_body_key=_TOO_MANY,
                    response_headers=[
                        waf.CfnWebACL.CustomHTTPHeaderProperty(name="Retry-After", value="60")
                    ],
                )
            )
        ),
        "visibility_config": _visibility(name),
    }


def _turns() -> waf.CfnWebACL.StatementProperty:
    """POST to one of the paths that make the model work."""
    method = Statement(
        byte_match_statement=waf.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(method={}),
            positional_constraint="EXACTLY",
            search_string="POST",
            text_transformations=_NO_CHANGE,
        )
    )
    path = Statement(
        regex_match_statement=waf.CfnWebACL.RegexMatchStatementProperty(
            field_to_match=waf.CfnWebACL.FieldToMatchProperty(uri_path={}),
            regex_string=TURN_PATHS,
            text_transformations=_NO_CHANGE,
        )
    )
    return Statement(and_statement=waf.CfnWebACL.AndStatementProperty(statements=[method, path]))


def _managed(name: str, *, counted: Sequence[str] = ()) -> dict[str, Any]:
    count = waf.CfnWebACL.RuleActionProperty(count={})
    overrides = [
        waf.CfnWebACL.RuleActionOverrideProperty(name=rule, action_to_use=count) for rule in counted
    ]
    return {
        "name": name,
        "statement": Statement(
            managed_rule_group_statement=waf.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS", name=name, rule_action_overrides=overrides or None
            )
        ),
        "override_action": waf.CfnWebACL.OverrideActionProperty(none={}),
        "visibility_config": _visibility(name),
    }


def _bodies() -> dict[str, waf.CfnWebACL.CustomResponseBodyProperty]:
    """Refusals in the shape of the orchestrator's errors."""
    error = {
        "code": "rate_limited",
        "message": "there are too many requests from your address; try again in a minute",
        "param": None,
        "retry_after_ms": 60_000,
        "request_id": "",
    }
    return {
        _TOO_MANY: waf.CfnWebACL.CustomResponseBodyProperty(
            content=json.dumps({"error": error}), content_type="APPLICATION_JSON"
        )
    }


def _redacted(**field: Any) -> waf.CfnLoggingConfiguration.FieldToMatchProperty:
    return waf.CfnLoggingConfiguration.FieldToMatchProperty(**field)


def _visibility(name: str) -> waf.CfnWebACL.VisibilityConfigProperty:
    return waf.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
