"""A boto3 client that a test makes fail: refused before the call, or done and not acknowledged."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError, ConnectionClosedError


def throttled() -> Exception:
    """What DynamoDB answers when it is asked too much."""
    return client_error("ProvisionedThroughputExceededException", 400)


def broken() -> Exception:
    """What DynamoDB answers when it fails by itself."""
    return client_error("InternalServerError", 500)


def cancelled(*reasons: str) -> Exception:
    """A transaction that was not done, and why, part by part."""
    error = client_error("TransactionCanceledException", 400)
    error.response["CancellationReasons"] = [{"Code": reason} for reason in reasons]
    return error


def client_error(code: str, status: int) -> ClientError:
    response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "Operation")  # type: ignore[arg-type]


class FaultyClient:
    """Passes calls on to `client`, but for the faults that were asked for.

    Attributes:
        calls: names of all calls, refused ones among them.
    """

    def __init__(self, client: Any) -> None:
        self.client = client
        self.calls: list[str] = []
        self._refusals: dict[str, list[Exception]] = {}
        self._losses: dict[str, int] = {}
        self._answers: dict[str, list[Any]] = {}

    def refuse(self, name: str, errors: Iterable[Exception]) -> None:
        """The next calls of this name fail, and reach nobody."""
        self._refusals.setdefault(name, []).extend(errors)

    def answer(self, name: str, *answers: Any) -> None:
        """The next calls of this name get these answers, and reach nobody."""
        self._answers.setdefault(name, []).extend(answers)

    def lose_answers(self, name: str, times: int = 1) -> None:
        """The next calls of this name are done, and their answers get lost."""
        self._losses[name] = times

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*positional: Any, **arguments: Any) -> Any:
            self.calls.append(name)
            if self._refusals.get(name):
                raise self._refusals[name].pop(0)
            if self._answers.get(name):
                return self._answers[name].pop(0)
            answer = getattr(self.client, name)(*positional, **arguments)
            if self._losses.get(name, 0) > 0:
                self._losses[name] -= 1
                raise ConnectionClosedError(endpoint_url="http://store")
            return answer

        return call
