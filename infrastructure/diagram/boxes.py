"""Which boxes a picture has: the constructs right below a stack, called by what is in them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from infrastructure.assembly import Assembly, Resource

# What a box is known for; all else in it is equipment.
KINDS = {
    "AWS::ApiGateway::RestApi": "API Gateway",
    "AWS::AutoScaling::AutoScalingGroup": "EC2 Auto Scaling",
    "AWS::CertificateManager::Certificate": "ACM",
    "AWS::CloudFront::Distribution": "CloudFront",
    "AWS::CloudFront::VpcOrigin": "VPC origin",
    "AWS::CloudWatch::Alarm": "CloudWatch alarms",
    "AWS::CloudWatch::Dashboard": "CloudWatch dashboard",
    "AWS::Cognito::UserPool": "Cognito",
    "AWS::DynamoDB::GlobalTable": "DynamoDB",
    "AWS::DynamoDB::Table": "DynamoDB",
    "AWS::EC2::VPC": "VPC",
    "AWS::EC2::VPCEndpoint": "VPC endpoint",
    "AWS::ElastiCache::ReplicationGroup": "ElastiCache",
    "AWS::ElastiCache::ServerlessCache": "ElastiCache serverless",
    "AWS::ElasticLoadBalancingV2::LoadBalancer": "internal load balancer",
    "AWS::KMS::Key": "KMS",
    "AWS::Kinesis::Stream": "Kinesis",
    "AWS::Lambda::Function": "Lambda",
    "AWS::S3::Bucket": "S3",
    "AWS::SageMaker::Endpoint": "SageMaker endpoint",
    "AWS::SageMaker::InferenceComponent": "inference component",
    "AWS::SNS::Topic": "SNS",
    "AWS::SQS::Queue": "SQS",
    "AWS::WAFv2::WebACL": "WAF",
}
API_ENDPOINT = "execute-api"
# Constructs that the CDK adds to a stack for itself: a helper function for its custom resources.
_HELPERS = re.compile(r"Custom::.*|AWS[0-9a-f]{20,}|.*Provider.*|LogRetention.*|Exports.*")


def is_helper(box: str) -> bool:
    """Whether a box is the CDK's own and no part of the architecture."""
    return _HELPERS.fullmatch(box.partition("/")[2]) is not None


def box_of(resource: Resource) -> str:
    """The box that a resource belongs to.

    Of the VPC's endpoints, those that one thing alone goes through are boxes; the others are one.
    """
    if resource.type != "AWS::EC2::VPCEndpoint":
        return resource.box
    name = resource.path.split("/")[2]
    gateway = resource.properties.get("VpcEndpointType") == "Gateway"
    return f"{resource.box}/{name if gateway or name == API_ENDPOINT else 'services'}"


def titles(assembly: Assembly) -> Mapping[str, tuple[str, ...]]:
    """Each box that is known for something, and for what."""
    found: dict[str, set[str]] = defaultdict(set)
    for resource in assembly.resources(*KINDS):
        box = box_of(resource)
        if not is_helper(box):
            found[box].add(KINDS[resource.type])
    return {box: tuple(sorted(kinds)) for box, kinds in sorted(found.items())}
