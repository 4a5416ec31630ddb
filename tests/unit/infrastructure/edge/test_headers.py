"""Safety headers: those of the local gateway, and what a real domain and issuer add to them."""

from __future__ import annotations

import pytest

from infrastructure.edge.headers import content_security_policy
from local.gateway.static_files import CONTENT_SECURITY_POLICY, SECURITY_HEADERS
from tests.support.edge_boxes import REGION, Resource, edge_templates

POLICY = "AWS::CloudFront::ResponseHeadersPolicy"


def test_the_page_gets_the_policy_that_it_is_developed_under():
    assert content_security_policy(()) == CONTENT_SECURITY_POLICY


def test_the_page_gets_every_header_that_the_local_gateway_sends():
    assert _headers(_policy("Page")).items() >= {
        (name, value) for name, value in SECURITY_HEADERS if name != "Content-Security-Policy"
    }


def test_the_pages_scripts_reach_this_origin_and_the_sign_in_alone():
    assert _directive("plain", "connect-src") == (
        f"'self' https://cognito-idp.{REGION}.amazonaws.com "
        f"https://keepwarm-dev.auth.{REGION}.amazoncognito.com"
    )
    assert _directive("own_issuer", "connect-src") == "'self' https://id.example.org"


@pytest.mark.parametrize("name", ["Page", "Api"])
def test_nobody_frames_an_answer_or_guesses_its_type(name: str):
    headers = _policy(name)["SecurityHeadersConfig"]
    policy = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    assert "frame-ancestors 'none'" in policy
    assert headers["FrameOptions"]["FrameOption"] == "DENY"
    assert headers["ContentTypeOptions"] == {"Override": True}


@pytest.mark.parametrize("name", ["Page", "Api"])
def test_a_browser_never_comes_back_without_tls(name: str):
    strict = _policy(name)["SecurityHeadersConfig"]["StrictTransportSecurity"]
    assert strict["AccessControlMaxAgeSec"] >= 365 * 24 * 3600
    assert strict["IncludeSubdomains"] is True


def test_data_is_never_a_document_with_scripts():
    policy = _policy("Api")["SecurityHeadersConfig"]["ContentSecurityPolicy"]
    assert policy["ContentSecurityPolicy"] == "default-src 'none'; frame-ancestors 'none'"


def _policy(name: str, variant: str = "plain") -> Resource:
    (config,) = [
        one["Properties"]["ResponseHeadersPolicyConfig"]
        for logical_id, one in edge_templates(variant).edge.named(POLICY)
        if f"Headers{name}" in logical_id
    ]
    found: Resource = config
    return found


def _headers(policy: Resource) -> dict[str, str]:
    """The policy's headers as they are sent, but for the content's own policy."""
    security = policy["SecurityHeadersConfig"]
    custom = {item["Header"]: item["Value"] for item in policy["CustomHeadersConfig"]["Items"]}
    return {
        **custom,
        "X-Content-Type-Options": "nosniff",  # the only value that there is
        "X-Frame-Options": security["FrameOptions"]["FrameOption"],
        "Referrer-Policy": security["ReferrerPolicy"]["ReferrerPolicy"],
    }


def _directive(variant: str, name: str) -> str:
    security = _policy("Page", variant)["SecurityHeadersConfig"]
    policy: str = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    directives = dict(part.split(" ", 1) for part in policy.split("; "))
    return directives[name]
