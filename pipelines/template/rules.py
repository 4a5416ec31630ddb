"""What happens in the account, and which function hears of it."""

from __future__ import annotations

from typing import Any

from pipelines.names import Names
from pipelines.template.cloudformation import (
    ACCOUNT,
    PARTITION,
    REGION,
    Resources,
    attribute,
    ref,
    resource,
    sub,
)
from pipelines.template.functions import logical
from pipelines.template.queues import EVENTS

TRIES = 8
OLDEST_S = 3600
BUILD_ENDS = ("SUCCEEDED", "FAILED", "FAULT", "STOPPED", "TIMED_OUT")


def rules(names: Names) -> Resources:
    """For each event a rule, and the leave to call the function."""
    made: Resources = {}
    for task, pattern in patterns(names).items():
        title = logical(task).removesuffix("Function")
        made[f"{title}Rule"] = resource(
            "AWS::Events::Rule",
            Name=names.function(task),
            EventPattern=pattern,
            Targets=[_target(task)],
        )
        made[f"{title}Permission"] = resource(
            "AWS::Lambda::Permission",
            FunctionName=ref(logical(task)),
            Action="lambda:InvokeFunction",
            Principal=EVENTS,
            SourceArn=attribute(f"{title}Rule"),
        )
    return made


def patterns(names: Names) -> dict[str, dict[str, Any]]:
    """Events by the task that takes them.

    The state of an endpoint is written differently in events and in DescribeEndpoint, so that the
    name alone is asked for here and the function looks for itself.
    """
    pipeline = sub(f"arn:{PARTITION}:sagemaker:{REGION}:{ACCOUNT}:pipeline/{names.pipeline}")
    return {
        "deploy": _sagemaker(
            "SageMaker Model Package State Change",
            ModelPackageGroupName=[names.package_group],
            ModelApprovalStatus=["Approved"],
        ),
        "deploy-finished": _sagemaker(
            "SageMaker Endpoint State Change", EndpointName=[names.endpoint]
        ),
        "teardown": _sagemaker(
            "SageMaker Model Building Pipeline Execution Status Change",
            pipelineArn=[pipeline],
            currentPipelineExecutionStatus=[{"anything-but": ["Executing", "Stopping"]}],
        ),
        "build-finished": {
            "source": ["aws.codebuild"],
            "detail-type": ["CodeBuild Build State Change"],
            "detail": {
                "project-name": [names.build_project],
                "build-status": list(BUILD_ENDS),
            },
        },
    }


def _sagemaker(kind: str, **detail: Any) -> dict[str, Any]:
    return {"source": ["aws.sagemaker"], "detail-type": [kind], "detail": detail}


def _target(task: str) -> dict[str, Any]:
    return {
        "Id": task,
        "Arn": attribute(logical(task)),
        "RetryPolicy": {"MaximumRetryAttempts": TRIES, "MaximumEventAgeInSeconds": OLDEST_S},
        "DeadLetterConfig": {"Arn": attribute("EventDeadLetters")},
    }
