"""Failures that a test orders: of an operation, or of the n-th call from now on."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.testing.control_plane.part import Call

LOST = "Lost"
"""Instead of an error code: the answer never arrives."""


@dataclass
class Fault:
    """One ordered failure.

    Attributes:
        code: of the error, or LOST.
        service, operation: empty: any.
        skip: matching calls that pass before it strikes.
        times: calls it strikes.
        every: strikes again after as many matching calls, without end; 0: calls in a row.
        after: the call takes effect, and only then fails.
    """

    code: str
    service: str = ""
    operation: str = ""
    skip: int = 0
    times: int = 1
    every: int = 0
    after: bool = False

    def strikes(self, call: Call) -> bool:
        """Whether it hits this call; counts."""
        if self.times <= 0 or not self._matches(call):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.every:
            self.skip = self.every - 1
        else:
            self.times -= 1
        return True

    def _matches(self, call: Call) -> bool:
        return self.service in ("", call.service) and self.operation in ("", call.operation)


class Faults:
    """All that were ordered and did not strike yet."""

    def __init__(self) -> None:
        self._ordered: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Order one."""
        self._ordered.append(fault)

    def clear(self) -> None:
        """Forget all."""
        self._ordered.clear()

    def of(self, call: Call) -> Fault | None:
        """The one that hits this call."""
        return next((fault for fault in self._ordered if fault.strikes(call)), None)

    @property
    def pending(self) -> bool:
        """Whether one still waits for its call."""
        return any(fault.times > 0 for fault in self._ordered)
