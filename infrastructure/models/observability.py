"""What an endpoint of ours tells about itself, and how often.

SageMaker's collector scrapes the container at /metrics on port 8080, which is where ours has it: of
a container that it does not know it takes that path by default. CloudFormation's model resource has
no field for another one.
"""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker

PUBLISH_S = 60
SAGEMAKER = "AWS/SageMaker"
ERRORS = "Invocation5XXErrors"
NO_CAPACITY = "NoCapacityInvocationFailures"

Config = sagemaker.CfnEndpointConfig


def metrics_config() -> Config.MetricsConfigProperty:
    """Enhanced metrics, and the container's own together with those of each GPU."""
    return Config.MetricsConfigProperty(
        enable_enhanced_metrics=True,
        enable_detailed_observability=True,
        metric_publish_frequency_in_seconds=PUBLISH_S,
    )
