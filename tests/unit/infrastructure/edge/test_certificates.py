"""Certificates: given, or made and validated in the stage's zone."""

from __future__ import annotations

from tests.support.edge_boxes import DOMAIN, EdgeTemplates, edge_templates

CERTIFICATE = "AWS::CertificateManager::Certificate"


def test_both_ends_get_a_certificate_for_the_one_domain_validated_in_the_zone():
    templates = edge_templates()
    for template in (templates.edge, templates.firewall):
        certificate = template.only(CERTIFICATE)
        assert certificate["DomainName"] == DOMAIN
        assert certificate["ValidationMethod"] == "DNS"
        (option,) = certificate["DomainValidationOptions"]
        assert option["HostedZoneId"] == "Z0123456789ABCDEF"


def test_certificates_that_are_given_are_used_and_none_is_made():
    templates = edge_templates("kept")
    assert templates.edge.of_type(CERTIFICATE) == templates.firewall.of_type(CERTIFICATE) == []
    viewer, balancer = _used(templates)
    assert viewer.endswith(":certificate/viewer")
    assert balancer.endswith(":certificate/balancer")


def _used(templates: EdgeTemplates) -> tuple[str, str]:
    distribution = templates.edge.only("AWS::CloudFront::Distribution")["DistributionConfig"]
    (listener,) = templates.edge.of_type("AWS::ElasticLoadBalancingV2::Listener")
    return (
        distribution["ViewerCertificate"]["AcmCertificateArn"],
        listener["Certificates"][0]["CertificateArn"],
    )
