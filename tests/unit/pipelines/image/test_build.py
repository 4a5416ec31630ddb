"""A callback step asks for an image: it is found, built, gated, refused; on the fake account."""

from __future__ import annotations

import pytest

from pipelines.image.repository import image_tag
from tests.support.image_account import FINGERPRINT, SOURCE, ImageAccount

DIGEST = f"sha256:{'a' * 64}"


@pytest.fixture
def account() -> ImageAccount:
    return ImageAccount()


def test_an_image_that_is_named_is_answered_at_once(account: ImageAccount) -> None:
    token = account.ask(image=f"{account.uri}@{DIGEST}")
    account.settle(0)
    assert account.image_of(token) == f"{account.uri}@{DIGEST}"
    assert account.count("StartBuild") == 0


def test_an_image_named_by_a_tag_is_refused(account: ImageAccount) -> None:
    token = account.ask(image=f"{account.uri}:latest")
    account.settle(0)
    assert "must be an image by digest" in account.reason_of(token)


def test_a_known_fingerprint_needs_no_build(account: ImageAccount) -> None:
    image = account.push()
    token = account.ask()
    account.settle(0)
    assert account.image_of(token) == image
    assert account.count("StartBuild") == 0


def test_an_unknown_fingerprint_is_built_and_answered_by_digest(account: ImageAccount) -> None:
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built
    assert account.count("StartBuild") == 1
    assert account.unfinished == set()


def test_the_tag_names_the_cuda_of_the_image() -> None:
    assert image_tag(FINGERPRINT) == f"cu130-{FINGERPRINT}"


def test_a_build_is_told_its_source_and_who_waits(account: ImageAccount) -> None:
    token = account.ask()
    account.settle(0)
    (call,) = [one for one in account.plane.calls if one.operation == "StartBuild"]
    told = {one["name"]: one["value"] for one in call.parameters["environmentVariablesOverride"]}
    assert told["CALLBACK_TOKEN"] == token
    assert told["IMAGE_TAG"] == f"cu130-{FINGERPRINT}"
    assert told["FINGERPRINT"] == FINGERPRINT
    assert call.parameters["sourceTypeOverride"] == "S3"
    assert call.parameters["sourceLocationOverride"] == SOURCE.removeprefix("s3://")
    assert "buildspecOverride" not in call.parameters


def test_a_build_that_fails_is_answered_with_its_phase_and_its_log(account: ImageAccount) -> None:
    account.builds.work = account.builds.fail
    token = account.ask()
    account.settle()
    reason = account.reason_of(token)
    assert "FAILED: BUILD exit status 1" in reason
    assert "log: https://" in reason
    assert account.unfinished == set()


def test_after_a_build_that_failed_the_next_pipeline_builds_anew(account: ImageAccount) -> None:
    account.builds.work = account.builds.fail
    account.ask()
    account.settle()
    account.builds.work = account.builds._push
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built


def test_two_pipelines_that_want_the_same_image_both_get_it(account: ImageAccount) -> None:
    tokens = [account.ask(), account.ask()]
    taken: list[str] = []

    def push_once(variables: dict[str, str]) -> str:
        if not taken:
            taken.append(account.images.push(account.names.repository, variables["IMAGE_TAG"]))
        return "SUCCEEDED"

    account.builds.work = push_once
    account.settle()
    assert {account.image_of(token) for token in tokens} == {account.built}


def test_a_build_without_an_image_is_refused_in_the_end(account: ImageAccount) -> None:
    account.builds.work = lambda variables: "SUCCEEDED"
    token = account.ask()
    account.settle(2 * 7200)
    assert "waited 60 minutes for the image to appear in ECR" in account.reason_of(token)
    assert account.unfinished == set()


def test_a_build_that_someone_else_started_is_left_alone(account: ImageAccount) -> None:
    account.plane.client("codebuild").start_build(projectName=account.names.build_project)
    account.builds.work = account.builds.fail
    account.settle()
    assert account.pipelines.answered == {}
    assert account.plane.delivery.dead_letters == []


def test_a_request_without_a_source_is_refused(account: ImageAccount) -> None:
    token = account.ask(source="")
    account.settle(0)
    assert "ImageSource must be s3://bucket/key" in account.reason_of(token)


def test_an_account_without_the_repository_says_what_makes_it(account: ImageAccount) -> None:
    account.images.repositories.clear()
    token = account.ask()
    account.settle(0)
    assert "no ECR repository keepwarm" in account.reason_of(token)


def test_an_account_without_the_project_says_what_makes_it(account: ImageAccount) -> None:
    account.builds.projects.clear()
    token = account.ask()
    account.settle(0)
    assert "no CodeBuild project keepwarm-image" in account.reason_of(token)
