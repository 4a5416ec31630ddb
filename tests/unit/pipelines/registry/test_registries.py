"""One API, two registries: a folder, and SageMaker."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.errors import RegistryError
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval, Candidate, Registry, latest_approved
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.s3 import S3
from tests.support.endpoint_account import BUCKET, candidate

Make = Callable[[Path], Registry]


def in_sagemaker(folder: Path) -> Registry:
    plane = ControlPlane()
    plane.part(S3).buckets.add(BUCKET)
    return SageMakerRegistry(plane.as_role("register"), "keepwarm", BUCKET)


@pytest.fixture(params=[FolderRegistry, in_sagemaker], ids=["folder", "sagemaker"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    make: Make = request.param
    return make(tmp_path)


def plain(one: Candidate) -> Candidate:
    """The same with its plan as a dictionary, wherever it was read from."""
    return dataclasses.replace(one, plan=dict(one.plan))


def test_what_is_registered_is_what_is_read(registry: Registry) -> None:
    version = registry.register(candidate())
    assert version.number == 1
    assert plain(version.candidate) == candidate()
    assert plain(registry.get(1).candidate) == candidate()


def test_the_same_candidate_is_the_same_version(registry: Registry) -> None:
    first = registry.register(candidate())
    assert registry.register(candidate()).name == first.name
    assert registry.register(candidate("b")).number == 2
    assert [one.number for one in registry.versions()] == [2, 1]


def test_a_decision_does_not_make_it_another_candidate(registry: Registry) -> None:
    version = registry.register(candidate())
    registry.decide(version, Approval.REJECTED, "licence")
    assert registry.register(candidate()).number == version.number


def test_a_candidate_with_other_measurements_is_another_version(registry: Registry) -> None:
    registry.register(candidate())
    slower = dataclasses.replace(candidate(), metrics={"ttft_p95_s": 0.9})
    assert registry.register(slower).number == 2


def test_decisions_are_kept_and_may_be_made_twice(registry: Registry) -> None:
    version = registry.register(candidate())
    assert version.approval is Approval.PENDING
    for _ in range(2):
        assert registry.decide(version, Approval.APPROVED, "good").approval is Approval.APPROVED
    assert registry.get(1).approval is Approval.APPROVED


def test_the_newest_approved_version(registry: Registry) -> None:
    assert latest_approved(registry) is None
    for label in "abc":
        registry.register(candidate(label))
    for number in (1, 2):
        registry.decide(registry.get(number), Approval.APPROVED)
    newest, before = latest_approved(registry), latest_approved(registry, before=2)
    assert newest is not None and newest.number == 2
    assert before is not None and before.number == 1


def test_there_is_no_version_that_was_not_registered(registry: Registry) -> None:
    with pytest.raises(RegistryError, match="no version 4"):
        registry.get(4)
    assert registry.versions() == []
