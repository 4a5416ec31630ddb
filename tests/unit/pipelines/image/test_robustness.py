"""Messages and events come twice, late and in any order; calls fail; executions are stopped."""

from __future__ import annotations

import random

import pytest

from pipelines.functions.build_image import RECEIVES
from pipelines.template.queues import TRIES
from pipelines.testing.control_plane import LOST
from tests.support.image_account import ImageAccount, message

EXECUTION = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/keepwarm/execution/000000000001"


@pytest.fixture
def account() -> ImageAccount:
    return ImageAccount()


@pytest.mark.parametrize("seed", range(4))
def test_twice_delivered_is_built_once_and_answered_once(account: ImageAccount, seed: int) -> None:
    account.queues.copies = 2
    account.plane.delivery.copies = 2
    account.plane.delivery.order = random.Random(seed)
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built
    assert account.count("StartBuild") == 1
    assert account.unfinished == set()


def test_a_message_that_comes_again_much_later_does_nothing(account: ImageAccount) -> None:
    token, execution = account.wait()
    account.queues.deliver(account.queue_url, message(token, execution))
    account.settle()
    account.queues.deliver(account.queue_url, message(token, execution))
    account.settle()
    assert account.count("StartBuild") == 1
    assert account.unfinished == set()


def test_a_message_whose_pipeline_has_ended_builds_nothing(account: ImageAccount) -> None:
    token, execution = account.wait()
    account.pipelines.finish(execution, "Failed")
    account.queues.deliver(account.queue_url, message(token, execution))
    account.settle()
    assert account.count("StartBuild") == 0


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", LOST])
def test_whichever_call_fails_the_image_comes_and_nothing_is_left(
    account: ImageAccount, code: str, after: bool
) -> None:
    for number in range(100):
        fingerprint = f"{number:024x}"
        token = account.ask(fingerprint=fingerprint)
        account.plane.fail_call(number, code, after=after)
        account.settle()
        assert account.image_of(token) == account.built_of(fingerprint), f"call {number}"
        assert account.unfinished == set(), f"call {number}"
        if account.plane.failures_pending:
            break
    assert number > 10
    builds = account.builds.items.values()
    assert len(builds) == number + 1
    assert account.plane.delivery.dead_letters == []


def test_what_never_gets_better_is_told_to_the_step_in_the_end(account: ImageAccount) -> None:
    account.plane.fail("ecr", "DescribeImages", "AccessDeniedException", times=100)
    token = account.ask()
    account.settle()
    assert "AccessDeniedException" in account.reason_of(token)
    assert account.count("DescribeImages") == RECEIVES
    assert account.unfinished == set()


def test_the_functions_last_chance_is_the_queues() -> None:
    assert RECEIVES == TRIES


def test_a_step_that_cannot_even_be_told_is_a_dead_letter(account: ImageAccount) -> None:
    account.plane.throttle("sagemaker", "", times=100)
    token = "a" * 10
    account.queues.deliver(account.queue_url, message(token, EXECUTION))
    account.settle()
    assert len(account.queues.queues[account.names.build_queue].dead_letters) == 1


@pytest.mark.parametrize("body", ["", "no json", "[]", "{}", '{"token": "short"}'])
def test_a_message_of_another_kind_is_a_dead_letter(account: ImageAccount, body: str) -> None:
    account.queues.deliver(account.queue_url, body)
    account.settle()
    assert len(account.queues.queues[account.names.build_queue].dead_letters) == 1


def test_of_a_batch_only_what_failed_comes_again(account: ImageAccount) -> None:
    (first, execution), (second, other) = account.wait(), account.wait()
    image = f"{account.uri}@sha256:{'a' * 64}"
    bodies = ["no json", message(first, execution, image), message(second, other, image)]
    records = [{"messageId": f"m{n}", "body": body} for n, body in enumerate(bodies)]
    account.plane.throttle("sagemaker", "SendPipelineExecutionStepSuccess")
    answer = account.build_image({"Records": records})
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
    assert account.image_of(second) == image


def test_a_stop_ends_the_build_and_the_step(account: ImageAccount) -> None:
    token = account.ask()
    account.settle(300)
    account.stop(token)
    account.settle()
    assert [one["buildStatus"] for one in account.builds.items.values()] == ["STOPPED"]
    assert account.reason_of(token) == "the pipeline execution was stopped"
    assert account.images.repositories[account.names.repository] == {}
    assert account.unfinished == set()


def test_a_stop_while_a_scan_runs_ends_the_step(account: ImageAccount) -> None:
    account.checks.scan_s = 1500.0
    token = account.ask()
    account.settle(account.builds.seconds + 120)
    account.stop(token)
    account.settle()
    assert account.reason_of(token) == "the pipeline execution was stopped"
    assert account.count("StopBuild") == 0
    assert account.unfinished == set()


def test_a_stop_that_overtakes_its_request_builds_nothing(account: ImageAccount) -> None:
    token, execution = account.wait()
    account.stop(token)
    account.settle(10)
    account.queues.deliver(account.queue_url, message(token, execution))
    account.settle()
    assert account.reason_of(token) == "the pipeline execution was stopped"
    assert account.count("StartBuild") == 0
    assert account.unfinished == set()


def test_a_stop_stops_no_build_of_another_pipeline(account: ImageAccount) -> None:
    token, other = account.ask(), account.ask(fingerprint="f" * 24)
    account.settle(300)
    account.stop(token)
    account.settle()
    assert account.image_of(other) == account.built_of("f" * 24)
