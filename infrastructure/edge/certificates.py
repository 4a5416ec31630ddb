"""Certificates for the one domain, which viewers see and which the balancer answers to as well.

CloudFront hands the viewer's Host header on and checks the balancer's certificate against it: both
certificates are for the same name, one in us-east-1, one in the stage's region.
"""

from __future__ import annotations

from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_route53 as route53
from constructs import Construct

from infrastructure.settings import Stage


class ViewerCertificate(Construct):
    """What browsers see. Belongs into a stack in us-east-1, where CloudFront looks for it.

    Attributes:
        certificate: the one given by its ARN, or a new one, validated in the hosted zone.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.certificate = _certificate(self, stage, stage.edge.certificate_arn)


class BalancerCertificate(Construct):
    """What CloudFront sees at the internal balancer. Belongs into the stage's region.

    Attributes:
        certificate: the one given by its ARN, or a new one, validated in the hosted zone.
    """

    def __init__(self, scope: Construct, id: str, *, stage: Stage) -> None:
        super().__init__(scope, id)
        self.certificate = _certificate(self, stage, stage.edge.balancer_certificate_arn)


def hosted_zone(scope: Construct, stage: Stage) -> route53.IHostedZone | None:
    """The zone of the settings; None where there is none.

    Its name is not known here, and need not be: every name that we give is a full one.
    """
    if not stage.edge.hosted_zone_id:
        return None
    return route53.HostedZone.from_hosted_zone_attributes(
        scope, "Zone", hosted_zone_id=stage.edge.hosted_zone_id, zone_name=stage.edge.domain
    )


def _certificate(scope: Construct, stage: Stage, arn: str) -> acm.ICertificate:
    if arn:
        return acm.Certificate.from_certificate_arn(scope, "Given", arn)
    return acm.Certificate(
        scope,
        "Certificate",
        domain_name=stage.edge.domain,
        validation=acm.CertificateValidation.from_dns(hosted_zone(scope, stage)),
    )
