"""One service's share of the fake: operations as methods, state in plain dictionaries."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar

from botocore import xform_name

if TYPE_CHECKING:
    from pipelines.testing.control_plane.plane import ControlPlane

Parameters = dict[str, Any]
Answer = dict[str, Any]
Operation = Callable[[Parameters], Answer]


class ApiError(Exception):
    """What AWS answers instead of a result.

    Args:
        code: as in ClientError's response, such as `ValidationException`.
        message: the sentence.
        status: of the HTTP answer.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


@dataclass(frozen=True)
class Call:
    """One call that arrived, an injected failure or not.

    Attributes:
        service, operation: boto3's name of the service, AWS's name of the operation.
        parameters: as they were given to the client.
        role: who called; empty where a test did not say.
    """

    service: str
    operation: str
    parameters: Parameters
    role: str = ""


class Part:
    """Base of the parts.

    An operation is a public method with the operation's name in snake case that takes its
    parameters and returns its answer. Several parts may share a service.
    """

    service: ClassVar[str]

    def __init__(self, plane: ControlPlane) -> None:
        self.plane = plane

    @property
    def now(self) -> datetime:
        """The fake's time."""
        return self.plane.now

    def operation(self, name: str) -> Operation | None:
        """The method for an operation, if this part has it."""
        found: Operation | None = getattr(self, xform_name(name), None)
        return found

    def arn(self, rest: str) -> str:
        """An ARN of this service; `rest` is what follows the account."""
        return self.plane.arn(self.service, rest)

    def resources(self) -> Iterable[str]:
        """What exists now, as `kind/name`: a test asks it what was left behind."""
        return ()


def page(
    items: list[Answer],
    parameters: Parameters,
    key: str,
    *,
    size: str = "MaxResults",
    token: str = "NextToken",  # noqa: S107 - the name of a field
    default: int = 10,
) -> Answer:
    """One page of a list, with the token of the next one."""
    start = int(parameters.get(token) or 0)
    end = start + parameters.get(size, default)
    more = {token: str(end)} if end < len(items) else {}
    return {key: items[start:end], **more}
