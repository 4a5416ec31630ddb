"""The table behind boto3's client: plain values in and out, and retries of our own.

boto3's retries are off: theirs neither know which calls may be repeated nor when the turn's time
is over. A call is repeated after throttling, a failure of the service and a lost connection; every
write here may be repeated, since it is conditional or carries a request token.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import BotoCoreError, ClientError

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history import schema
from orchestrator_lambda.history.items import Item

Result = TypeVar("Result")

_THROTTLED = frozenset(
    {
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ThrottlingException",
        "TransactionInProgressException",
    }
)
_CONDITION = "ConditionalCheckFailed"
_BUSY_REASONS = frozenset(
    {"ProvisionedThroughputExceeded", "ThrottlingError", "TransactionConflict"}
)
_WRITES_A_BATCH = 25
_ALIAS = re.compile(r"#([A-Za-z]\w*)")


@dataclass(frozen=True)
class Backoff:
    """Full jitter: each pause is a chance part of a doubling span. Times in seconds."""

    attempts: int = 8
    first: float = 0.05
    longest: float = 2.0
    sleep: Callable[[float], None] = time.sleep

    def pause(self, attempt: int) -> None:
        """Wait before attempt number `attempt` + 1."""
        self.sleep(random.uniform(0, min(self.longest, self.first * 2**attempt)))  # noqa: S311


class ConditionFailed(Exception):
    """A condition did not hold; `reasons` has a code for each part of a transaction."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__(", ".join(reasons))
        self.reasons = list(reasons)


class Table:
    """One table. All reads of the base table are strongly consistent."""

    def __init__(self, client: Any, name: str, backoff: Backoff | None = None) -> None:
        self._client = client
        self.name = name
        self._backoff = backoff or Backoff()

    def get(self, key: Mapping[str, str]) -> Item | None:
        """One item, or None."""
        answer = self._call(
            self._client.get_item, TableName=self.name, Key=marshal(key), ConsistentRead=True
        )
        return unmarshal(answer["Item"]) if "Item" in answer else None

    def query(self, condition: str, values: Mapping[str, Any], **options: Any) -> Iterator[Item]:
        """All items of a query, page by page."""
        while True:
            page = self.query_page(condition, values, **options)
            yield from map(unmarshal, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            options["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def query_page(self, condition: str, values: Mapping[str, Any], **options: Any) -> Any:
        """One page as DynamoDB answers it."""
        if "IndexName" not in options:
            options["ConsistentRead"] = True
        return self._call(
            self._client.query,
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeNames=names_in(condition),
            ExpressionAttributeValues=marshal(values),
            **options,
        )

    def put(self, item: Item, condition: str | None = None) -> None:
        """Write one item. Raises ConditionFailed."""
        self._call(self._client.put_item, **self.put_action(item, condition))

    def put_action(
        self, item: Item, condition: str | None = None, values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Arguments of a put, alone or in a transaction."""
        return self._action({"Item": marshal(item)}, condition, values)

    def update(self, key: Mapping[str, str], expression: str, **parts: Any) -> Item:
        """Change one item; the item after it. Raises ConditionFailed."""
        action = self.update_action(key, expression, **parts)
        answer = self._call(self._client.update_item, **action, ReturnValues="ALL_NEW")
        return unmarshal(answer["Attributes"])

    def delete_action(self, key: Mapping[str, str]) -> dict[str, Any]:
        """Arguments of a removal in a transaction; one of what is not there is no error."""
        return self._action({"Key": marshal(key)}, None, None)

    def update_action(
        self,
        key: Mapping[str, str],
        expression: str,
        *,
        condition: str | None = None,
        values: Mapping[str, Any] | None = None,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Arguments of an update, alone or in a transaction."""
        action = {"Key": marshal(key), "UpdateExpression": expression}
        return self._action(action, condition, values, names)

    def transact(self, actions: Sequence[tuple[str, dict[str, Any]]], token: str) -> None:
        """All or nothing; `actions` are (Put | Update | Delete, arguments). Raises ConditionFailed.

        `token` makes repeating it harmless while DynamoDB remembers it, ten minutes.
        """
        items = [{kind: arguments} for kind, arguments in actions]
        call = self._client.transact_write_items
        self._call(call, TransactItems=items, ClientRequestToken=token)

    def delete_all(self, keys: Sequence[Mapping[str, str]]) -> None:
        """Remove items; missing ones are no error."""
        for start in range(0, len(keys), _WRITES_A_BATCH):
            part = keys[start : start + _WRITES_A_BATCH]
            left: Any = {self.name: [{"DeleteRequest": {"Key": marshal(key)}} for key in part]}
            for attempt in range(self._backoff.attempts):
                left = self._call(self._client.batch_write_item, RequestItems=left).get(
                    "UnprocessedItems"
                )
                if not left:
                    break
                self._backoff.pause(attempt)
            else:
                raise _unavailable()

    def _action(
        self,
        action: dict[str, Any],
        condition: str | None,
        values: Mapping[str, Any] | None,
        names: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        action["TableName"] = self.name
        used = names_in(action.get("UpdateExpression", ""), condition or "") | dict(names or {})
        if used:
            action["ExpressionAttributeNames"] = used
        if condition:
            action["ConditionExpression"] = condition
        if values:
            action["ExpressionAttributeValues"] = marshal(values)
        return action

    def _call(self, call: Callable[..., Any], **arguments: Any) -> Any:
        for attempt in range(self._backoff.attempts):
            try:
                return call(**arguments)
            except ClientError as error:
                _raise_unless_passing(error)
            except BotoCoreError:
                pass  # a connection that failed or was lost: whether it was done is found out
            self._backoff.pause(attempt)
        raise _unavailable()


def names_in(*expressions: str) -> dict[str, str]:
    """Expressions name every attribute as #name, since so many plain words are reserved."""
    return {f"#{name}": name for text in expressions for name in _ALIAS.findall(text)}


def key_of(conversation_id: str, sort: str) -> dict[str, str]:
    """Key of an item of a conversation."""
    return {schema.PK: schema.conversation_key(conversation_id), schema.SK: sort}


def marshal(item: Mapping[str, Any]) -> dict[str, Any]:
    """Plain values to DynamoDB's."""
    serialize = TypeSerializer().serialize
    return {name: serialize(value) for name, value in item.items()}


def unmarshal(item: Mapping[str, Any]) -> Item:
    """DynamoDB's values to plain ones; numbers stay decimals."""
    deserialize = TypeDeserializer().deserialize
    plain = {name: deserialize(value) for name, value in item.items()}
    return {
        name: bytes(value.value) if isinstance(value, Binary) else value
        for name, value in plain.items()
    }


def _raise_unless_passing(error: ClientError) -> None:
    """Return for an error that passes; raise what it means otherwise."""
    code = error.response["Error"]["Code"]
    if code == "ConditionalCheckFailedException":
        raise ConditionFailed([code]) from None
    if code == "TransactionCanceledException":
        reasons = [one.get("Code", "None") for one in error.response["CancellationReasons"]]
        if _BUSY_REASONS & set(reasons):
            return
        if _CONDITION in reasons:
            raise ConditionFailed(reasons) from None
        raise error
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code not in _THROTTLED and status < 500:
        raise error


def _unavailable() -> StoreUnavailable:
    return StoreUnavailable("the history cannot be reached now; try again", retry_after_ms=1000)
