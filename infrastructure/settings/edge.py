"""From the browser to the private API: network, CloudFront, balancer, API, sign-in."""

from __future__ import annotations

from dataclasses import dataclass

from infrastructure.settings.fields import setting

_CERTIFICATE = r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+"


@dataclass(frozen=True, kw_only=True)
class Network:
    """The VPC: private subnets, and a way out only where one is asked for."""

    cidr: str = setting(
        "10.40.0.0/16",
        "addresses of the VPC",
        pattern=r"\d+\.\d+\.\d+\.\d+/(1[6-9]|2[0-2])",
        like="a range such as 10.40.0.0/16, from /16 to /22",
    )
    zones: int = setting(2, "availability zones; the balancer needs two", low=2, high=3)
    nat_gateways: int = setting(
        0, "NAT gateways; 0: no way out but the VPC's endpoints", low=0, high=3
    )
    flow_logs: bool = setting(True, "log the VPC's flows")


@dataclass(frozen=True, kw_only=True)
class Edge:
    """What the browser talks to: CloudFront with the page, and the balancer behind it."""

    domain: str = setting(
        "",
        "host name of page and API; required",
        pattern=r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}",
        like="a host name such as chat.example.com",
    )
    hosted_zone_id: str = setting(
        "",
        "Route 53 zone of the domain: certificates and the alias are made; or both certificates",
        pattern=r"Z[A-Z0-9]{5,31}",
        like="the id of a hosted zone, such as Z0123456789ABCDEFGHIJ",
    )
    certificate_arn: str = setting(
        "",
        "certificate for CloudFront, in us-east-1",
        pattern=_CERTIFICATE.replace(r"[a-z0-9-]+:\d", r"us-east-1:\d"),
        like="the ARN of a certificate in us-east-1",
    )
    balancer_certificate_arn: str = setting(
        "",
        "certificate for the balancer, in the stage's region",
        pattern=_CERTIFICATE,
        like="the ARN of a certificate",
    )
    rate_per_five_minutes: int = setting(
        2000, "requests of one address in five minutes, then 429", low=10, high=2_000_000_000
    )
    chat_rate_per_five_minutes: int = setting(
        300, "turns of one address in five minutes, then 429", low=10, high=2_000_000_000
    )
    price_class: str = setting(
        "PriceClass_100",
        "CloudFront's edge locations",
        choices=("PriceClass_100", "PriceClass_200", "PriceClass_All"),
    )
    allowed_countries: tuple[str, ...] = setting(
        (),
        "two-letter codes of the countries that may come in; empty: all",
        pattern=r"[A-Z]{2}",
        like="country codes such as DE",
    )
    read_seconds: int = setting(
        60, "CloudFront's longest wait for the next byte; over 60 needs a quota", low=1, high=120
    )
    idle_seconds: int = setting(300, "the balancer's idle time-out", low=1, high=4000)


@dataclass(frozen=True, kw_only=True)
class Api:
    """The private REST API."""

    rate_per_second: int = setting(200, "requests a second, steady", low=1, high=10_000)
    burst: int = setting(400, "requests at once on top", low=1, high=5_000)
    stage_name: str = setting(
        "live",
        "name of the API's stage, the first part of its path",
        pattern=r"[A-Za-z0-9_]{1,128}",
        like="letters, digits and underscores",
    )


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Who may chat: a Cognito user pool, or an OIDC issuer of one's own."""

    domain_prefix: str = setting(
        "",
        "first part of the pool's host name; required without an issuer of one's own",
        pattern=r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
        like="lower-case letters, digits and hyphens",
    )
    self_sign_up: bool = setting(False, "anyone may make an account")
    mfa: str = setting("optional", "a second factor", choices=("off", "optional", "required"))
    issuer: str = setting(
        "",
        "OIDC issuer instead of Cognito; needs a NAT gateway, its keys are fetched",
        pattern=r"https://\S+",
        like="an https:// address",
    )
    client_id: str = setting("", "the page's client at that issuer")
