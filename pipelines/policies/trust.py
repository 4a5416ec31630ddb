"""Which service may take each role."""

from __future__ import annotations

from typing import Any

SAGEMAKER = "sagemaker.amazonaws.com"
LAMBDA = "lambda.amazonaws.com"
CODEBUILD = "codebuild.amazonaws.com"
FUNCTIONS = (
    "build-image",
    "build-finished",
    "judge",
    "register",
    "teardown",
    "deploy",
    "deploy-finished",
)


def _taken_by(service: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


TRUST: dict[str, dict[str, Any]] = {
    "pipeline": _taken_by(SAGEMAKER),
    "steps": _taken_by(SAGEMAKER),
    "execution": _taken_by(SAGEMAKER),
    "build": _taken_by(CODEBUILD),
    **{task: _taken_by(LAMBDA) for task in FUNCTIONS},
}
"""Trust policy by part."""
