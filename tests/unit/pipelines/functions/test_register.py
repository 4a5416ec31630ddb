"""What the gates let through becomes a version, once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.documents import GATES
from pipelines.errors import DocumentError
from pipelines.functions.register import handle
from pipelines.gates.limits import GateLimits
from pipelines.judging import judge_run
from pipelines.registry.candidate import CARD
from pipelines.registry.interface import Approval
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.s3 import S3
from tests.support.endpoint_account import BUCKET, IMAGE
from tests.support.run_documents import run_documents

SETTINGS = DeploymentSettings(account="123456789012")
RESULTS = f"s3://{BUCKET}/executions/e1/"
EVENT = {
    "ImageUri": IMAGE,
    "ModelData": f"s3://{BUCKET}/models/a/",
    "Results": RESULTS,
    "ExecutionId": "e1",
    "ExecutionArn": "arn:aws:sagemaker:us-east-1:123456789012:pipeline/keepwarm/execution/e1",
    "Approval": "manual",
}


@pytest.fixture
def plane() -> ControlPlane:
    """An account in whose bucket the documents of a run lie, judged."""
    made = ControlPlane()
    documents = run_documents()
    judged = judge_run(documents, None, GateLimits())
    for name, content in {**documents, GATES: judged.gates, CARD: judged.card}.items():
        made.part(S3).put(RESULTS + name, json.dumps(content))
    return made


def register(plane: ControlPlane, **changes: Any) -> dict[str, Any]:
    return handle({**EVENT, **changes}, plane.as_role("register"), SETTINGS)


def registry(plane: ControlPlane) -> SageMakerRegistry:
    return SageMakerRegistry(plane.as_role("operator"), "keepwarm", BUCKET)


def test_the_version_has_image_weights_plan_and_where_it_came_from(plane: ControlPlane) -> None:
    answer = register(plane)
    assert answer["Version"] == "1"
    version = registry(plane).get(1)
    assert version.name == answer["PackageArn"]
    made = version.candidate
    assert (made.image, made.model_data) == (IMAGE, EVENT["ModelData"])
    assert made.model_sha256 == run_documents()["check.json"]["sha256"]
    assert dict(made.plan) == run_documents()["plan.json"]
    assert made.properties["results"] == RESULTS.rstrip("/")
    assert made.properties["execution"] == "e1"
    assert made.metrics["ttft_p95_s"] == 0.4


def test_the_same_event_again_is_the_same_version(plane: ControlPlane) -> None:
    assert register(plane) == register(plane)


@pytest.mark.parametrize(
    ("word", "approval"), [("manual", Approval.PENDING), ("auto", Approval.APPROVED)]
)
def test_who_approves_is_asked_for(plane: ControlPlane, word: str, approval: Approval) -> None:
    register(plane, Approval=word)
    assert registry(plane).get(1).approval is approval


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Approval": "perhaps"}, "manual or auto, got 'perhaps'"),
        ({"ImageUri": ""}, "lacks ImageUri"),
        ({"Results": f"s3://{BUCKET}/executions/none/"}, "NoSuchKey"),
    ],
)
def test_an_event_that_is_not_whole_is_refused(
    plane: ControlPlane, changes: dict[str, str], sentence: str
) -> None:
    with pytest.raises(DocumentError, match=sentence):
        register(plane, **changes)


def test_what_the_gates_refused_is_never_registered(plane: ControlPlane) -> None:
    refused = {"passed": False, "metrics": {}, "properties": {}}
    plane.part(S3).put(f"{RESULTS}gates.json", json.dumps(refused))
    with pytest.raises(DocumentError, match="does not say that the gates passed"):
        register(plane)
    assert registry(plane).versions() == []
