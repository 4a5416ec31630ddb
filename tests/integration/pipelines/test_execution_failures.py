"""An execution with a failure at each call of its functions: nothing stays, the next succeeds."""

from __future__ import annotations

import functools

import pytest

from tests.integration.pipelines.whole_account import WholeAccount

FUNCTIONS = ("judge", "register", "teardown")


def ready() -> tuple[WholeAccount, str]:
    """An account that has its image already; the image."""
    account = WholeAccount()
    return account, account.push()


@functools.cache
def calls_of_functions() -> tuple[int, ...]:
    """Which calls of an execution are those of the functions, counted from its start."""
    account, image = ready()
    with account.plane.watched() as calls:
        assert account.run("first", ImageUri=image) == "Succeeded"
    return tuple(number for number, call in enumerate(calls) if call.role in FUNCTIONS)


@pytest.mark.parametrize("share", range(4))
def test_a_call_that_fails_leaves_no_staging_and_the_next_execution_succeeds(share: int) -> None:
    """In four shares, so that they can run beside each other."""
    for number in calls_of_functions()[share::4]:
        account, image = ready()
        account.plane.fail_call(number, "InternalFailure")
        account.run("first", ImageUri=image)
        account.settle()
        assert account.plane.struck
        assert account.pieces == set()
        assert account.plane.delivery.dead_letters == []
        assert account.run("first", ImageUri=image) == "Succeeded"
        account.settle()
        assert account.pieces == set()
        for version in account.deployment.registry.versions():
            assert version.candidate.plan["format"] == 1
