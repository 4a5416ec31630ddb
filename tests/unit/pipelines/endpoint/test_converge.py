"""The endpoint goes to the newest approved version, whatever comes in between."""

from __future__ import annotations

import random

import pytest

from pipelines.endpoint.converge import Phase, converge
from pipelines.errors import DeployError
from pipelines.registry.interface import Approval
from tests.support.endpoint_account import EndpointAccount


@pytest.fixture
def account() -> EndpointAccount:
    return EndpointAccount()


def test_an_approval_makes_the_endpoint_with_all_that_belongs_to_it(
    account: EndpointAccount,
) -> None:
    account.register(approve=True)
    account.settle()
    assert account.status == "InService"
    assert account.serving == 1
    assert account.pieces == account.expected_pieces()


def test_a_version_that_nobody_approved_does_not_serve(account: EndpointAccount) -> None:
    account.serve()
    account.register("b")
    account.settle()
    assert account.serving == 1
    assert account.count("UpdateEndpoint") == 0


def test_a_new_version_takes_a_share_first_and_then_all(account: EndpointAccount) -> None:
    account.serve()
    account.register("b", approve=True)
    account.settle(400)
    pending = account.endpoint["PendingDeploymentSummary"]["ProductionVariants"][0]
    assert account.serving == 1
    assert pending["CurrentWeight"] == 0.25
    account.settle()
    assert account.serving == 2
    assert account.pieces == account.expected_pieces()


def test_events_that_come_twice_and_in_any_order_deploy_once(account: EndpointAccount) -> None:
    account.plane.delivery.copies = 3
    account.plane.delivery.order = random.Random(7)
    account.serve()
    for label in "bcd":
        account.register(label, approve=True)
    account.settle()
    assert account.serving == 4
    assert account.count("CreateEndpoint") == 1
    assert account.count("UpdateEndpoint") == 1
    assert account.plane.delivery.dead_letters == []
    assert account.pieces == account.expected_pieces()


def test_a_version_approved_while_an_update_runs_comes_after_it(account: EndpointAccount) -> None:
    account.serve()
    account.register("b", approve=True)
    account.settle(60)
    account.register("c", approve=True)
    account.settle(60)
    assert account.count("UpdateEndpoint") == 1
    account.settle()
    assert account.serving == 3


def test_an_alarm_takes_the_update_back_and_the_version_is_rejected(
    account: EndpointAccount,
) -> None:
    good = account.serve()
    bad = account.register("b", approve=True)
    account.settle(500)
    account.alarms.measure("Invocation5XXErrors", 9)
    account.settle()
    assert account.status == "InService"
    assert account.serving == good.number
    assert account.approval_of(bad) is Approval.REJECTED
    assert "keepwarm-errors" in account.reason_of(bad)
    assert account.count("UpdateEndpoint") == 1
    assert account.pieces == account.expected_pieces()


def test_a_version_that_was_taken_back_and_is_approved_again_gets_another_chance(
    account: EndpointAccount,
) -> None:
    account.serve()
    bad = account.register("b", approve=True)
    account.settle(500)
    account.alarms.measure("Invocation5XXErrors", 9)
    account.settle()
    account.alarms.measure("Invocation5XXErrors", 0)
    account.approve(bad)
    account.settle()
    assert account.serving == bad.number
    assert account.approval_of(bad) is Approval.APPROVED


def test_a_container_that_never_answers_leaves_the_old_version_serving(
    account: EndpointAccount,
) -> None:
    good = account.serve()
    bad = account.register("b")
    account.endpoints.broken[account.model_of(bad)] = "the driver is too old"
    account.approve(bad)
    account.settle()
    assert account.serving == good.number
    assert "the driver is too old" in account.reason_of(bad)


def test_a_first_endpoint_that_fails_is_deleted_and_its_version_rejected(
    account: EndpointAccount,
) -> None:
    bad = account.register()
    account.endpoints.broken[account.model_of(bad)] = "no capacity"
    account.approve(bad)
    account.settle()
    assert account.approval_of(bad) is Approval.REJECTED
    assert not any(one.startswith("endpoint/") for one in account.pieces)
    good = account.register("b", approve=True)
    account.settle()
    assert account.serving == good.number
    assert account.pieces == account.expected_pieces()


def test_after_a_failed_first_endpoint_an_older_approved_version_serves(
    account: EndpointAccount,
) -> None:
    good, bad = account.register("a"), account.register("b")
    account.endpoints.broken[account.model_of(bad)] = "no capacity"
    account.approve(bad)
    account.approve(good)
    account.settle()
    assert account.serving == good.number


def test_an_update_is_not_begun_while_an_alarm_would_take_it_back() -> None:
    account = EndpointAccount(events=False)
    account.register(approve=True)
    converge(account.deployment)
    account.settle()
    account.alarms.set_state("keepwarm-preemptions", "ALARM")
    account.register("b", approve=True)
    with pytest.raises(DeployError, match=r"keepwarm-preemptions in ALARM.*keepwarm rollback"):
        converge(account.deployment)
    assert account.count("UpdateEndpoint") == 0


def test_a_failure_between_marking_and_updating_is_no_rollback() -> None:
    """The endpoint still has the reason of an older update: the new version is not blamed."""
    account = EndpointAccount()
    account.serve()
    account.register("b", approve=True)
    account.settle(500)
    account.alarms.measure("Invocation5XXErrors", 9)
    account.settle()
    account.alarms.measure("Invocation5XXErrors", 0)
    account.plane.fail("sagemaker", "UpdateEndpoint", "InternalFailure")
    third = account.register("c", approve=True)
    account.settle()
    assert account.serving == third.number
    assert account.approval_of(third) is Approval.APPROVED


def test_the_fleet_keeps_its_size_over_an_update(account: EndpointAccount) -> None:
    account.serve()
    variant = account.endpoint["ProductionVariants"][0]
    variant["CurrentInstanceCount"] = variant["DesiredInstanceCount"] = 4
    account.register("b", approve=True)
    account.settle()
    assert account.serving == 2
    assert account.endpoint["ProductionVariants"][0]["DesiredInstanceCount"] == 4


def test_autoscaling_rests_while_an_update_runs(account: EndpointAccount) -> None:
    account.serve()
    account.register("b", approve=True)
    account.settle(60)
    assert account.status == "Updating"
    assert not any(one.startswith("scal") for one in account.pieces)


def test_other_settings_update_a_command_s_endpoint_and_no_event_undoes_it(
    account: EndpointAccount,
) -> None:
    account.serve()
    other = EndpointAccount(events=False, startup_timeout_s=900)
    deployment = other.deployment.__class__(account.deployment.clients, other.settings)
    assert converge(deployment).phase is Phase.SERVING
    assert converge(deployment, exact=True).phase is Phase.UPDATING
    account.settle()
    assert account.count("UpdateEndpoint") == 1
    assert converge(deployment, exact=True).phase is Phase.SERVING
    assert account.pieces == account.expected_pieces()


def test_settings_that_were_taken_back_are_told_once_and_reject_no_version() -> None:
    account = EndpointAccount(events=False)
    version = account.register(approve=True)
    converge(account.deployment)
    account.settle()
    other = EndpointAccount(events=False, startup_timeout_s=900)
    deployment = other.deployment.__class__(account.deployment.clients, other.settings)
    converge(deployment, exact=True)
    account.settle(500)
    account.alarms.measure("truncated", 50)
    account.settle()
    with pytest.raises(DeployError, match="other settings was taken back"):
        converge(deployment, exact=True)
    assert account.approval_of(version) is Approval.APPROVED
    account.alarms.measure("truncated", 0)
    assert converge(deployment, exact=True).phase is Phase.UPDATING


def test_an_endpoint_without_approved_versions_goes_on(account: EndpointAccount) -> None:
    version = account.serve()
    account.registry.decide(version, Approval.REJECTED, "licence")
    outcome = converge(account.deployment)
    assert outcome.ended
    assert account.serving == version.number


def test_what_is_not_ours_is_not_swept(account: EndpointAccount) -> None:
    sagemaker = account.plane.client("sagemaker")
    role = "arn:aws:iam::123456789012:role/other"
    sagemaker.create_model(ModelName="keepwarm-v1-of-somebody", ExecutionRoleArn=role)
    account.serve()
    assert "model/keepwarm-v1-of-somebody" in account.pieces
