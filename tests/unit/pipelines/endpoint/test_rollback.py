"""Going back to an approved version, by hand."""

from __future__ import annotations

import pytest

from pipelines.endpoint.rollback import roll_back
from pipelines.errors import DeployError, PipelineError
from pipelines.registry.interface import Approval
from pipelines.testing.control_plane import LOST
from tests.support.endpoint_account import EndpointAccount


@pytest.fixture
def account() -> EndpointAccount:
    made = EndpointAccount()
    for label in "abc":
        made.serve(label)
    return made


def approvals(account: EndpointAccount) -> list[str]:
    return [str(account.registry.get(number).approval) for number in (1, 2, 3)]


def test_the_version_before_serves_at_once_although_alarms_ring(account: EndpointAccount) -> None:
    account.alarms.measure("Invocation5XXErrors", 90)
    roll_back(account.deployment, "errors")
    account.settle()
    assert account.serving == 2
    assert approvals(account) == ["Approved", "Approved", "Rejected"]
    update = [call for call in account.plane.calls if call.operation == "UpdateEndpoint"][-1]
    policy = update.parameters["DeploymentConfig"]
    assert "AutoRollbackConfiguration" not in policy
    routing = policy["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "ALL_AT_ONCE"
    assert account.pieces == account.expected_pieces()


def test_one_may_go_further_back_and_all_above_are_rejected(account: EndpointAccount) -> None:
    roll_back(account.deployment, "errors", to=1)
    account.settle()
    assert account.serving == 1
    assert approvals(account) == ["Approved", "Rejected", "Rejected"]


def test_a_rejected_version_in_between_is_passed_over(account: EndpointAccount) -> None:
    account.registry.decide(account.registry.get(2), Approval.REJECTED, "licence")
    roll_back(account.deployment, "errors")
    account.settle()
    assert account.serving == 1


def test_a_running_update_is_taken_back_when_it_ends(account: EndpointAccount) -> None:
    bad = account.register("d", approve=True)
    account.settle(60)
    outcome = roll_back(account.deployment, "wrong weights")
    assert not outcome.ended
    assert account.approval_of(bad) is Approval.REJECTED
    account.settle()
    assert account.serving == 3


@pytest.mark.parametrize("operation", ["UpdateModelPackage", "UpdateEndpoint"])
@pytest.mark.parametrize(("code", "after"), [("InternalFailure", False), (LOST, True)])
def test_a_second_try_rejects_no_second_version(
    account: EndpointAccount, operation: str, code: str, after: bool
) -> None:
    account.plane.fail("sagemaker", operation, code, after=after)
    try:
        roll_back(account.deployment, "errors")
    except PipelineError:
        roll_back(account.deployment, "errors")
    account.settle()
    assert account.serving == 2
    assert approvals(account) == ["Approved", "Approved", "Rejected"]


def test_there_must_be_something_to_go_back_to() -> None:
    account = EndpointAccount()
    with pytest.raises(DeployError, match="no endpoint keepwarm"):
        roll_back(account.deployment, "errors")
    version = account.serve()
    with pytest.raises(DeployError, match=r"no approved version older than 1.*approved: 1"):
        roll_back(account.deployment, "errors")
    assert account.approval_of(version) is Approval.APPROVED


def test_only_an_approved_version_is_gone_back_to(account: EndpointAccount) -> None:
    account.register("d")
    with pytest.raises(DeployError, match="version 4 is not approved; approved: 3, 2, 1"):
        roll_back(account.deployment, "errors", to=4)
