"""What the store's errors mean: to be tried again, a condition that did not hold, or neither."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history.table import Backoff, ConditionFailed, Table, marshal, unmarshal
from tests.support.faulty_client import FaultyClient, broken, cancelled, client_error, throttled


class Store:
    """Takes everything."""

    def transact_write_items(self, **arguments: object) -> dict[str, object]:
        return {}


@pytest.fixture
def client() -> FaultyClient:
    return FaultyClient(Store())


def transact(client: FaultyClient) -> None:
    pauses: list[float] = []
    Table(client, "t", Backoff(attempts=3, sleep=pauses.append)).transact([("Put", {})], "token")


@pytest.mark.parametrize(
    "error",
    [
        throttled(),
        broken(),
        ConnectTimeoutError(endpoint_url="http://store"),
        client_error("TransactionInProgressException", 400),
        cancelled("None", "TransactionConflict"),
        cancelled("None", "ProvisionedThroughputExceeded"),
        cancelled("ThrottlingError"),
        cancelled("ConditionalCheckFailed", "TransactionConflict"),
    ],
)
def test_what_passes_is_tried_again(client: FaultyClient, error: Exception) -> None:
    client.refuse("transact_write_items", [error, error])

    transact(client)

    assert len(client.calls) == 3


def test_a_condition_that_does_not_hold_is_not_tried_again(client: FaultyClient) -> None:
    client.refuse("transact_write_items", [cancelled("None", "ConditionalCheckFailed")])

    with pytest.raises(ConditionFailed) as failed:
        transact(client)

    assert failed.value.reasons == ["None", "ConditionalCheckFailed"]
    assert len(client.calls) == 1


@pytest.mark.parametrize(
    "error", [client_error("AccessDeniedException", 400), cancelled("ValidationError", "None")]
)
def test_what_can_never_be_done_is_neither(client: FaultyClient, error: Exception) -> None:
    """Taken for a failed condition, it would look as if another producer had written."""
    client.refuse("transact_write_items", [error])

    with pytest.raises(ClientError):
        transact(client)


def test_a_store_that_stays_down_is_unavailable(client: FaultyClient) -> None:
    client.refuse("transact_write_items", [throttled()] * 3)

    with pytest.raises(StoreUnavailable) as down:
        transact(client)

    assert down.value.retry_after_ms


def test_pauses_grow_and_stay_bounded() -> None:
    pauses: list[float] = []
    backoff = Backoff(first=0.1, longest=0.4, sleep=pauses.append)
    for attempt in range(20):
        backoff.pause(attempt)

    assert all(0 <= pause <= 0.4 for pause in pauses)
    assert pauses[0] <= 0.1


def test_values_come_back_as_they_were() -> None:
    item = {"a": "x", "n": 5, "b": b"\x00\xff", "flag": True, "map": {"k": "v"}}

    assert unmarshal(marshal(item)) == item
