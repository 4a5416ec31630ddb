"""us-east-1: what CloudFront takes from there alone, the firewall and the viewers' certificate."""

from __future__ import annotations

from constructs import Construct

from infrastructure.edge.certificates import ViewerCertificate
from infrastructure.edge.firewall import Firewall
from infrastructure.settings import Stage
from infrastructure.stacks.base import CLOUDFRONT_REGION, StageStack


class FirewallStack(StageStack):
    """The boxes that CloudFront looks for in us-east-1.

    Attributes:
        firewall: the web ACL.
        certificate: what browsers see.
    """

    def __init__(self, scope: Construct, *, stage: Stage) -> None:
        about = "firewall and certificate of CloudFront"
        super().__init__(scope, "firewall", stage=stage, about=about, region=CLOUDFRONT_REGION)
        self.firewall = Firewall(self, "Firewall", stage=stage)
        self.certificate = ViewerCertificate(self, "ViewerCertificate", stage=stage).certificate
