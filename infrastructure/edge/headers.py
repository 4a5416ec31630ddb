"""Headers that make answers safe in a browser, and who sets them: CloudFront, on every answer.

The page runs scripts of its own origin alone and loads no pictures from elsewhere: an address in
an answer's Markdown could carry words of the conversation away. Its scripts reach this origin and
those that sign people in.
"""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from constructs import Construct

_YEAR = cdk.Duration.days(365)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class SafetyHeaders(Construct):
    """The two policies.

    Attributes:
        page: for what is shown in a browser.
        api: for what is data.
    """

    def __init__(self, scope: Construct, id: str, *, sign_in_origins: Sequence[str]) -> None:
        super().__init__(scope, id)
        self.page = self._policy("Page", content_security_policy(sign_in_origins), page=True)
        self.api = self._policy("Api", _API_POLICY, page=False)

    def _policy(
        self, name: str, content_policy: str, *, page: bool
    ) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            name,
            security_headers_behavior=_security_headers(content_policy),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=_page_headers() if page else _api_headers()
            ),
        )


def content_security_policy(sign_in_origins: Sequence[str]) -> str:
    """The page's policy; `sign_in_origins` are those its scripts must reach to sign in."""
    connect = " ".join(("'self'", *sign_in_origins))
    return "; ".join(
        (
            "default-src 'self'",
            "script-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self' data:",
            f"connect-src {connect}",
            "worker-src 'self' blob:",
            "manifest-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
        )
    )


def _security_headers(content_policy: str) -> cloudfront.ResponseSecurityHeadersBehavior:
    return cloudfront.ResponseSecurityHeadersBehavior(
        content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
            content_security_policy=content_policy, override=True
        ),
        content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
        frame_options=cloudfront.ResponseHeadersFrameOptions(
            frame_option=cloudfront.HeadersFrameOption.DENY, override=True
        ),
        referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
            referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=True
        ),
        strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
            access_control_max_age=_YEAR, include_subdomains=True, override=True
        ),
    )


def _page_headers() -> list[cloudfront.ResponseCustomHeader]:
    return [
        _header("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
        _header("Cross-Origin-Opener-Policy", "same-origin"),
        *_api_headers(),
    ]


def _api_headers() -> list[cloudfront.ResponseCustomHeader]:
    return [_header("Cross-Origin-Resource-Policy", "same-origin")]


def _header(name: str, value: str) -> cloudfront.ResponseCustomHeader:
    return cloudfront.ResponseCustomHeader(header=name, value=value, override=True)
