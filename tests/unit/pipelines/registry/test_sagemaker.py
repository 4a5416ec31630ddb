"""What only SageMaker's registry has: a group, short texts, plans in S3, failures."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from pipelines.errors import RegistryError
from pipelines.registry.interface import Approval
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.testing.control_plane import LOST, ControlPlane
from pipelines.testing.control_plane.packages import Packages
from pipelines.testing.control_plane.s3 import S3
from tests.support.endpoint_account import BUCKET, IMAGE, candidate


@pytest.fixture
def plane() -> ControlPlane:
    made = ControlPlane()
    made.part(S3).buckets.add(BUCKET)
    return made


@pytest.fixture
def registry(plane: ControlPlane) -> SageMakerRegistry:
    return SageMakerRegistry(plane.as_role("register"), "keepwarm", BUCKET)


def package(plane: ControlPlane) -> dict[str, Any]:
    (one,) = plane.part(Packages).items.values()
    return one


def test_a_package_says_image_weights_metrics_and_card(
    plane: ControlPlane, registry: SageMakerRegistry
) -> None:
    registry.register(candidate())
    made = package(plane)
    (container,) = made["InferenceSpecification"]["Containers"]
    assert container["Image"] == IMAGE
    assert container["ImageDigest"] == IMAGE.partition("@")[2]
    assert made["CustomerMetadataProperties"]["metric.perplexity"] == "9.25"
    assert made["ModelCard"]["ModelCardContent"].startswith('{"model_overview"')
    quality = made["ModelMetrics"]["ModelQuality"]
    assert quality["Statistics"]["S3Uri"].endswith("/executions/a/evaluation.json")
    instances = made["InferenceSpecification"]["SupportedRealtimeInferenceInstanceTypes"]
    assert instances == ["ml.g6e.2xlarge"]


def test_texts_that_sagemaker_would_refuse_are_made_to_fit(
    plane: ControlPlane, registry: SageMakerRegistry
) -> None:
    """The fake holds texts against the service's own patterns, as AWS does."""
    odd = {"note": "50 % faster, (they say)", "long": "x" * 999, "empty": ""}
    registry.register(dataclasses.replace(candidate(), properties=odd))
    texts = package(plane)["CustomerMetadataProperties"]
    assert texts["note"] == "50 _ faster_ _they say_"
    assert len(texts["long"]) == 256
    assert "empty" not in texts


def test_too_many_texts_are_refused_before_anything_is_made(
    plane: ControlPlane, registry: SageMakerRegistry
) -> None:
    many = dataclasses.replace(candidate(), metrics={f"m{one}": 1.0 for one in range(60)})
    with pytest.raises(RegistryError, match="at most 47"):
        registry.register(many)
    assert plane.part(Packages).items == {}


def test_an_image_without_a_digest_is_refused(registry: SageMakerRegistry) -> None:
    with pytest.raises(RegistryError, match="by its digest"):
        registry.register(dataclasses.replace(candidate(), image="repository:latest"))


def test_a_plan_is_read_when_it_is_wanted_and_held_against_its_hash(
    plane: ControlPlane, registry: SageMakerRegistry
) -> None:
    registry.register(candidate())
    with plane.watched() as calls:
        version = registry.get(1)
    assert not [call for call in calls if call.service == "s3"]
    assert version.candidate.plan["format"] == 1
    (key,) = plane.part(S3).objects
    plane.part(S3).objects[key] = b'{"format": 1, "plans": []}'
    with pytest.raises(RegistryError, match="sha256 differs"):
        dict(registry.get(1).candidate.plan)


def test_lists_go_over_all_pages(registry: SageMakerRegistry) -> None:
    for label in range(13):
        version = registry.register(candidate(str(label)))
        if label % 2:
            registry.decide(version, Approval.APPROVED)
    assert registry.numbers() == list(range(13, 0, -1))
    assert registry.numbers(Approval.APPROVED) == [12, 10, 8, 6, 4, 2]
    assert registry.register(candidate("0")).number == 1


def test_somebody_else_s_package_is_told_apart(
    plane: ControlPlane, registry: SageMakerRegistry
) -> None:
    registry.register(candidate())
    package(plane)["CustomerMetadataProperties"].pop("plan")
    with pytest.raises(RegistryError, match="was not registered by Keepwarm: it lacks plan"):
        registry.versions()


@pytest.mark.parametrize("call", range(6))
@pytest.mark.parametrize(
    ("code", "after"),
    [("ThrottlingException", False), ("AccessDeniedException", False), (LOST, True)],
)
def test_a_failure_at_any_call_is_one_sentence_and_a_second_try_makes_no_second_version(
    plane: ControlPlane, registry: SageMakerRegistry, call: int, code: str, after: bool
) -> None:
    plane.fail_call(call, code, after=after)
    with pytest.raises(RegistryError, match=r"AWS (answers|cannot be reached)"):
        registry.register(candidate())
    assert registry.register(candidate()).number == 1
    assert len(plane.part(Packages).items) == 1
