"""CloudFront, the only public box: the page from its bucket, the API through the VPC origin.

/v1/*   -> VPC origin, all methods, not cached, not compressed: an event of a stream must not
           wait in anybody's buffer
*       -> the page's bucket; a path that names no file gets the index
"""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from infrastructure.edge.api import ChatApi
from infrastructure.edge.balancer import Balancer
from infrastructure.edge.certificates import hosted_zone
from infrastructure.edge.headers import SafetyHeaders
from infrastructure.edge.logs import DISTRIBUTION_PREFIX, AccessLogs
from infrastructure.edge.page import INDEX, Page
from infrastructure.edge.sign_in import SignInPool
from infrastructure.edge.vpc_origin import VpcOrigin
from infrastructure.settings import Stage

API_PATHS = "/v1/*"
# CloudFront keeps errors for ten seconds where nothing else is cached, and for whoever asks next,
# whatever their Cache-Control says; so each that it may keep is named.
ERRORS_NOT_KEPT = (400, 403, 404, 405, 414, 416, 500, 501, 502, 503, 504)
VIEWS = Path(__file__).with_name("views.js")


class Distribution(Construct):
    """The distribution, and the name that leads to it where the stage has a hosted zone.

    Attributes:
        distribution: with the firewall before it.
        url: where the page is.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        page: Page,
        balancer: Balancer,
        vpc_origin: VpcOrigin,
        api: ChatApi,
        firewall_arn: str,
        certificate: acm.ICertificate,
        sign_in: SignInPool,
        logs: AccessLogs,
    ) -> None:
        super().__init__(scope, id)
        headers = SafetyHeaders(self, "Headers", sign_in_origins=sign_in.origins)
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Keepwarm {stage.name}: the page and its API",
            domain_names=[stage.edge.domain],
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2025,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            price_class=_price_class(stage.edge.price_class),
            geo_restriction=_countries(stage),
            web_acl_id=firewall_arn,
            default_root_object=INDEX,
            default_behavior=self._page_behavior(page, headers),
            additional_behaviors={
                API_PATHS: _api_behavior(stage, balancer, vpc_origin, api, headers)
            },
            error_responses=[_not_kept(status) for status in ERRORS_NOT_KEPT],
            enable_logging=True,
            log_bucket=logs.bucket,
            log_file_prefix=f"{DISTRIBUTION_PREFIX}/",
            log_includes_cookies=False,
        )
        self.url = f"https://{stage.edge.domain}"
        self._name(stage)

    def _page_behavior(self, page: Page, headers: SafetyHeaders) -> cloudfront.BehaviorOptions:
        views = cloudfront.Function(
            self,
            "Views",
            code=cloudfront.FunctionCode.from_file(file_path=str(VIEWS)),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(page.bucket),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            cache_policy=self._as_the_files_say(),
            compress=True,
            response_headers_policy=headers.page,
            function_associations=[
                cloudfront.FunctionAssociation(
                    function=views, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST
                )
            ],
        )

    def _as_the_files_say(self) -> cloudfront.CachePolicy:
        """Each file's own Cache-Control holds; without one, nothing is kept."""
        return cloudfront.CachePolicy(
            self,
            "AsTheFilesSay",
            min_ttl=cdk.Duration.seconds(0),
            default_ttl=cdk.Duration.seconds(0),
            max_ttl=cdk.Duration.days(365),
            enable_accept_encoding_brotli=True,
            enable_accept_encoding_gzip=True,
        )

    def _name(self, stage: Stage) -> None:
        zone = hosted_zone(self, stage)
        if zone is None:
            return
        target = route53.RecordTarget.from_alias(targets.CloudFrontTarget(self.distribution))
        route53.ARecord(self, "Ipv4", zone=zone, target=target)
        route53.AaaaRecord(self, "Ipv6", zone=zone, target=target)


def _api_behavior(
    stage: Stage,
    balancer: Balancer,
    vpc_origin: VpcOrigin,
    api: ChatApi,
    headers: SafetyHeaders,
) -> cloudfront.BehaviorOptions:
    """The viewer's headers go on with its Host: the balancer's certificate is for that name.

    `read_seconds` bounds the gap between two packets of an answer, which the function's pings
    keep far below it.
    """
    return cloudfront.BehaviorOptions(
        origin=origins.VpcOrigin.with_vpc_origin(
            vpc_origin.origin,
            domain_name=balancer.name,
            origin_path=f"/{api.stage_name}",
            read_timeout=cdk.Duration.seconds(stage.edge.read_seconds),
            keepalive_timeout=cdk.Duration.seconds(60),
        ),
        allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
        viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
        origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER,
        compress=False,
        response_headers_policy=headers.api,
    )


def _not_kept(status: int) -> cloudfront.ErrorResponse:
    """One user's 404 or 503 is not the next one's; no page takes the place of an error's body."""
    return cloudfront.ErrorResponse(http_status=status, ttl=cdk.Duration.seconds(0))


def _price_class(name: str) -> cloudfront.PriceClass:
    return {
        "PriceClass_100": cloudfront.PriceClass.PRICE_CLASS_100,
        "PriceClass_200": cloudfront.PriceClass.PRICE_CLASS_200,
        "PriceClass_All": cloudfront.PriceClass.PRICE_CLASS_ALL,
    }[name]


def _countries(stage: Stage) -> cloudfront.GeoRestriction | None:
    countries = stage.edge.allowed_countries
    return cloudfront.GeoRestriction.allowlist(*countries) if countries else None
