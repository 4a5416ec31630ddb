"""Finding, making and dropping things that may or may not be there, by AWS's own errors."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.aws import account_of, drop, find, make
from pipelines.errors import DeployError
from pipelines.testing.control_plane import LOST, ControlPlane

ROLE = "arn:aws:iam::123456789012:role/keepwarm-execution"
MODEL = {"ModelName": "m", "ExecutionRoleArn": ROLE}


@pytest.fixture
def plane() -> ControlPlane:
    return ControlPlane()


@pytest.fixture
def sagemaker(plane: ControlPlane) -> Any:
    return plane.client("sagemaker")


def test_what_somebody_made_a_moment_before_is_there_and_no_failure(sagemaker: Any) -> None:
    assert make("model m", DeployError, sagemaker.create_model, **MODEL) is True
    assert make("model m", DeployError, sagemaker.create_model, **MODEL) is False


def test_what_is_not_there_is_nothing(sagemaker: Any) -> None:
    describe, delete = sagemaker.describe_model, sagemaker.delete_model
    assert find("model m", DeployError, describe, ModelName="m") is None
    assert drop("model m", DeployError, delete, ModelName="m") is False
    sagemaker.create_model(**MODEL)
    assert find("model m", DeployError, describe, ModelName="m")["ModelName"] == "m"
    assert drop("model m", DeployError, delete, ModelName="m") is True


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("AccessDeniedException", "model m: AWS answers AccessDeniedException: ordered"),
        ("ThrottlingException", "model m: AWS answers ThrottlingException"),
        (LOST, "model m: AWS cannot be reached: ReadTimeoutError"),
    ],
)
def test_a_refusal_is_neither_there_nor_missing(
    plane: ControlPlane, sagemaker: Any, code: str, sentence: str
) -> None:
    plane.fail("sagemaker", "DescribeModel", code)
    with pytest.raises(DeployError, match=sentence):
        find("model m", DeployError, sagemaker.describe_model, ModelName="m")


def test_the_account_is_asked_of_aws(plane: ControlPlane) -> None:
    assert account_of(plane.as_role("operator")) == "123456789012"
