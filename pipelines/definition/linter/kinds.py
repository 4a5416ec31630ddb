"""The kinds of steps: which operation each calls, and what its properties look like."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kind:
    """A step that calls one operation of SageMaker.

    Attributes:
        operation: what its arguments are a request of.
        describe: whose answer its properties look like.
        named: the argument that SageMaker fills in when it is left out.
    """

    operation: str
    describe: str
    named: str = ""


NATIVE = {
    "Processing": Kind("CreateProcessingJob", "DescribeProcessingJob", "ProcessingJobName"),
    "Training": Kind("CreateTrainingJob", "DescribeTrainingJob", "TrainingJobName"),
    "Transform": Kind("CreateTransformJob", "DescribeTransformJob", "TransformJobName"),
    "Model": Kind("CreateModel", "DescribeModel", "ModelName"),
    "RegisterModel": Kind("CreateModelPackage", "DescribeModelPackage"),
    "EndpointConfig": Kind("CreateEndpointConfig", "DescribeEndpointConfig"),
    "Endpoint": Kind("CreateEndpoint", "DescribeEndpoint"),
}

WITH_OUTPUTS = {"Callback": "SqsQueueUrl", "Lambda": "FunctionArn"}
"""Steps that say themselves what they answer, with the field that says whom they ask."""

CONDITION = "Condition"
FAIL = "Fail"
ALL = (*NATIVE, *WITH_OUTPUTS, CONDITION, FAIL)


def request_shape(kind: Kind) -> Any:
    """The shape of what the operation takes."""
    return _sagemaker().operation_model(kind.operation).input_shape


def properties_shape(kind: Kind) -> Any:
    """The shape of what the describing operation answers."""
    return _sagemaker().operation_model(kind.describe).output_shape


@functools.cache
def _sagemaker() -> Any:
    import botocore.session

    return botocore.session.get_session().get_service_model("sagemaker")
