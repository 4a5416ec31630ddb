"""The whole life of three versions, from weights in S3 to an endpoint that is deleted again.

build -> register -> approve (twice) -> deploy -> swap -> alarm, taken back -> swap -> roll back ->
delete, all by the real definition, functions and commands on the fake account; and what every role
did on the way is held against its policy.
"""

from __future__ import annotations

import pytest

from pipelines.endpoint.converge import Phase
from pipelines.endpoint.follow import follow
from pipelines.endpoint.remove import remove
from pipelines.endpoint.rollback import roll_back
from pipelines.registry.interface import Approval
from pipelines.testing.control_plane import Call
from tests.integration.pipelines.whole_account import WholeAccount
from tests.support.policy_check import refused, statements, used

NOT_SEEN = {
    "build": "CodeBuild's script: its calls are held against the policy in the image's tests",
    "steps": "processing jobs are played; SageMaker itself pulls, fetches and logs for them",
    "execution": "SageMaker itself acts for the containers: pulls, fetches, logs, watches alarms",
}
"""Roles whose calls no fake sees, and why their statements are there."""

UNUSED = {
    "pipeline.RunJobs": "SageMaker's own: processing jobs are played here",
    "pipeline.Tag": "SageMaker asks for it when a request has tags",
    "pipeline.PassRoleSteps": "with processing jobs",
    "pipeline.AskForImages": "the callback's message is SageMaker's own call",
    "pipeline.CallFunctions": "so is the call of a Lambda step",
    "pipeline.ReadResults": "and reading plan.json for JsonGet",
    "register.EnterRegistry": "SageMaker checks the image with the caller's rights",
    "register.PullImage": "SageMaker checks the image with the caller's rights",
    "register.ReadWeights": "and the weights",
    "register.ListWeights": "and the weights",
    "deploy.KnowAccount": "where KEEPWARM_DEPLOY_ACCOUNT is empty",
    "deploy.ScalingRole": "the first scalable target of an account makes the linked role",
    "deploy.ScalingAlarms": "target tracking makes its alarms with the caller's rights",
}
"""Statements of the other roles that this life does not need, each with its reason."""


@pytest.fixture(scope="module")
def lived() -> WholeAccount:
    """An account after all of it."""
    account = WholeAccount()
    account.plane.delivery.copies = 2
    assert account.run("first") == "Succeeded"
    account.approve(1)
    account.approve(1)
    account.settle()
    assert account.serving == 1

    image = account.built
    assert account.run("second", ImageUri=image) == "Succeeded"
    account.approve(2)
    account.settle(500)
    account.alarms.measure("keepwarm:preemptions_total", 500)
    account.settle()
    account.alarms.measure("keepwarm:preemptions_total", 0)
    assert account.serving == 1

    assert account.run("third", ImageUri=image) == "Succeeded"
    account.approve(3)
    account.settle()
    assert account.serving == 3

    roll_back(account.deployment, "answers in riddles")
    account.settle()
    assert account.serving == 1
    follow(lambda: remove(account.deployment), lambda outcome: None, account.settle)
    account.settle()
    return account


def of_functions(account: WholeAccount) -> list[Call]:
    return [call for call in account.plane.calls if call.role not in ("", "operator")]


def test_nothing_is_left_but_versions_images_and_documents(lived: WholeAccount) -> None:
    assert lived.pieces == set()
    assert lived.plane.delivery.dead_letters == []


def test_the_registry_tells_the_story(lived: WholeAccount) -> None:
    registry = lived.deployment.registry
    said = {one.number: (one.approval, registry.reason(one)) for one in registry.versions()}
    assert said[1] == (Approval.APPROVED, "looks good")
    assert said[2][0] is Approval.REJECTED
    assert "keepwarm-preemptions" in said[2][1]
    assert said[3] == (Approval.REJECTED, "answers in riddles")


def test_a_swap_builds_no_image(lived: WholeAccount) -> None:
    assert lived.count("StartBuild") == 1


def test_the_versions_were_compared_with_the_one_before(lived: WholeAccount) -> None:
    judged = [
        call
        for call in lived.plane.calls
        if call.role == "judge" and call.operation == "DescribeModelPackage"
    ]
    assert judged


def test_no_event_makes_a_deleted_endpoint_again(lived: WholeAccount) -> None:
    from pipelines.endpoint.converge import converge

    outcome = converge(lived.deployment)
    assert outcome.phase is Phase.ABSENT
    assert outcome.wanted == 1


def test_every_call_was_allowed_by_its_role(lived: WholeAccount) -> None:
    assert {call.role for call in of_functions(lived)} >= {
        "pipeline", "build-image", "build-finished", "judge", "register", "teardown", "deploy",
        "deploy-finished",
    }  # fmt: skip
    assert refused(lived.plane.calls) == set()


def test_no_statement_is_there_for_nothing(lived: WholeAccount) -> None:
    """The two functions of the endpoint do the same and have one policy: either's use counts."""
    through = {_shared(one) for one in used(lived.plane.calls)}
    kept = {_shared(one) for one in statements() if one.split(".")[0] not in NOT_SEEN}
    assert kept - through == set(UNUSED)


def _shared(statement: str) -> str:
    return statement.replace("deploy-finished.", "deploy.")
