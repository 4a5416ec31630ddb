"""A whole life of an endpoint, in phases that may each be begun again after a failure.

approve (twice) -> serve -> alarm -> taken back -> next version -> roll back -> delete
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pipelines.endpoint.converge import Phase
from pipelines.endpoint.remove import remove
from pipelines.endpoint.rollback import roll_back
from pipelines.errors import PipelineError
from pipelines.registry.interface import Approval, Version
from tests.support.endpoint_account import EndpointAccount

T = TypeVar("T")
MOST_TRIES = 4
"""Of a person: two failures in a row are ordered nowhere, and Lambda tries by itself."""


class ProductionLife:
    """One life; `failures` counts the runs that failed and were begun again."""

    def __init__(self) -> None:
        self.account = EndpointAccount()
        self.account.plane.delivery.copies = 2
        self.failures = 0

    def run(self) -> None:
        """All of it; whoever calls it has ordered the failures before."""
        first = self._again(lambda: self.account.register("a"))
        self._serve(first)
        bad = self._again(lambda: self.account.register("b"))
        self._again(lambda: self.account.approve(bad))
        self.account.settle(500)
        self._break(bad)
        self._serve(self._again(lambda: self.account.register("c")))
        self._again(lambda: roll_back(self.account.deployment, "answers in riddles"))
        self.account.settle()
        self._delete()

    def _serve(self, version: Version) -> None:
        self._again(lambda: self.account.approve(version))
        self.account.settle()
        assert self.account.serving == version.number
        assert self.account.pieces == self.account.expected_pieces()

    def _break(self, bad: Version) -> None:
        self.account.alarms.measure("Invocation5XXErrors", 50)
        self.account.settle()
        self.account.alarms.measure("Invocation5XXErrors", 0)
        assert self.account.serving == 1
        assert self.account.approval_of(bad) is Approval.REJECTED

    def _delete(self) -> None:
        while self._again(lambda: remove(self.account.deployment)).phase is not Phase.ABSENT:
            self.account.settle(90)

    def _again(self, act: Callable[[], T]) -> T:
        """Do it, and once more when it fails: what a person does with a command."""
        for _ in range(MOST_TRIES):
            try:
                return act()
            except PipelineError:
                self.failures += 1
        raise AssertionError("it fails again and again")
