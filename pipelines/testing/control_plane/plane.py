"""The fake itself: clients, time, events, ordered failures, and what a test may ask."""

from __future__ import annotations

import functools
import heapq
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import boto3
from botocore import UNSIGNED
from botocore.config import Config

from pipelines.testing.control_plane.delivery import Delivery, Event, Handler
from pipelines.testing.control_plane.faults import Fault, Faults
from pipelines.testing.control_plane.part import Answer, ApiError, Call, Part
from pipelines.testing.control_plane.parts import PARTS
from pipelines.testing.control_plane.wire import attach

REGION = "us-east-1"
ACCOUNT = "123456789012"
START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

_Part = TypeVar("_Part", bound=Part)


class ControlPlane:
    """One account in one region, with a time of its own.

    Attributes:
        now: the time; only `advance` moves it.
        calls: all calls so far, those that failed too.
        struck: those of them that failed because a test had ordered it.
        delivery: the events: `.sent`, `.copies = 2` to deliver twice, `.order` to shuffle,
            `.dead_letters`.
    """

    def __init__(self, now: datetime = START) -> None:
        self.now = now
        self.calls: list[Call] = []
        self.struck: list[Call] = []
        self.delivery = Delivery(self.after)
        self._faults = Faults()
        self._due: list[tuple[datetime, int, Callable[[], None]]] = []
        self._counter = itertools.count()
        self._parts = [part(self) for part in PARTS]

    def client(self, service: str, role: str = "", attempts: int = 1) -> Any:
        """A real boto3 client wired to the fake.

        Args:
            service: boto3's name of it.
            role: who calls, for `calls` and for checks of policies.
            attempts: of each call, the first one included; more wait as botocore does.
        """
        retries = {"total_max_attempts": attempts, "mode": "standard"}
        config = Config(retries=retries, signature_version=UNSIGNED)
        made = _session().client(service, config=config)
        attach(made, service, role, self._handle)
        return made

    def as_role(self, role: str) -> RoleClients:
        """The same, for code that asks for its clients by service."""
        return RoleClients(self, role)

    def part(self, kind: type[_Part]) -> _Part:
        """A part, to look into its state or to script it."""
        return next(part for part in self._parts if isinstance(part, kind))

    def fail(
        self, service: str, operation: str, code: str, times: int = 1, *, after: bool = False
    ) -> None:
        """Let the next `times` calls of an operation fail.

        Args:
            service: boto3's name of it; empty: any.
            operation: AWS's name of it; empty: any.
            code: of the error; LOST: the answer never arrives.
            times: how many.
            after: they take effect before they fail.
        """
        self._faults.add(Fault(code, service, operation, times=times, after=after))

    def throttle(self, service: str = "", operation: str = "", times: int = 1) -> None:
        """Let the next `times` calls fail by ThrottlingException."""
        self.fail(service, operation, "ThrottlingException", times)

    def fail_call(self, number: int, code: str, *, after: bool = False) -> None:
        """Let the `number`-th call from now on fail, whatever it is; 0 is the next one."""
        self._faults.add(Fault(code, skip=number, after=after))

    def fail_every(self, period: int, first: int, code: str, *, after: bool = False) -> None:
        """Let the `first`-th call from now on fail, and every `period`-th after it."""
        self._faults.add(Fault(code, skip=first, every=period, after=after))

    @property
    def failures_pending(self) -> bool:
        """Whether an ordered failure still waits for its call."""
        return self._faults.pending

    def clear_failures(self) -> None:
        """Forget what was ordered."""
        self._faults.clear()

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Let something happen in the account's future."""
        due = self.now + timedelta(seconds=seconds)
        heapq.heappush(self._due, (due, next(self._counter), action))

    def advance(self, seconds: float) -> None:
        """Move time; what is due happens in its order, its events are delivered as it happens."""
        self.delivery.deliver()
        end = self.now + timedelta(seconds=seconds)
        while self._due and self._due[0][0] <= end:
            self.now, _, action = heapq.heappop(self._due)
            action()
            self.delivery.deliver()
        self.now = max(self.now, end)  # an action may have moved it itself

    def emit(self, source: str, detail_type: str, detail: Answer, *resources: str) -> None:
        """Send an event as EventBridge shapes it."""
        event: Event = {
            "version": "0",
            "id": f"event-{next(self._counter)}",
            "detail-type": detail_type,
            "source": source,
            "account": ACCOUNT,
            "time": self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": list(resources),
            "detail": detail,
        }
        self.delivery.send(event)

    def on_event(self, handler: Handler, pattern: Mapping[str, Any] | None = None) -> None:
        """Let `handler(event)` have the events of a pattern, without one all."""
        self.delivery.subscribe(handler, pattern or {})

    def resources(self) -> set[str]:
        """All that exists, as `kind/name`."""
        return {one for part in self._parts for one in part.resources()}

    @contextmanager
    def watched(self) -> Iterator[list[Call]]:
        """The calls that arrive while the block runs."""
        start, seen = len(self.calls), list[Call]()
        yield seen
        seen += self.calls[start:]

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{rest}"

    def _handle(self, call: Call) -> Answer:
        self.calls.append(call)
        fault = self._faults.of(call)
        self.struck += [call] if fault else []
        if fault and not fault.after:
            raise _failure(fault)
        if fault:
            with suppress(ApiError):  # nobody hears of it
                self._operation(call)(call.parameters)
            raise _failure(fault)
        return self._operation(call)(call.parameters)

    def _operation(self, call: Call) -> Callable[[dict[str, Any]], Answer]:
        for part in self._parts:
            if part.service == call.service and (found := part.operation(call.operation)):
                return found
        raise NotImplementedError(f"the fake has no {call.service} {call.operation}")


class RoleClients:
    """Clients of one role; has the one method that production code asks for."""

    def __init__(self, plane: ControlPlane, role: str) -> None:
        self._plane, self._role = plane, role
        self._made: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client, made once."""
        if service not in self._made:
            self._made[service] = self._plane.client(service, self._role)
        return self._made[service]


@functools.cache
def _session() -> Any:
    """One for all planes, since it reads the services' models; nothing of this machine is in it."""
    return boto3.session.Session(
        aws_access_key_id="fake", aws_secret_access_key="fake", region_name=REGION
    )


def _failure(fault: Fault) -> ApiError:
    server = fault.code.startswith(("Internal", "ServiceUnavailable"))
    return ApiError(fault.code, "ordered by the test", 500 if server else 400)
