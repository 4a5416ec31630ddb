"""A deleted conversation leaves nothing, whoever is down or at work meanwhile."""

import pytest

from orchestrator_lambda.errors import Fenced, NotFound, StoreUnavailable
from orchestrator_lambda.history.codec import CHUNKED, INLINE
from orchestrator_lambda.history.deletions import LINGER_MS
from tests.integration.orchestrator_lambda.history.conftest import (
    NOW_MS,
    Store,
    checkpoint,
    end,
    start,
)
from tests.integration.orchestrator_lambda.history.test_long_texts import noise
from tests.support.faulty_client import client_error, throttled


def delete(store: Store, conversation_id: str) -> None:
    event_id = f"{conversation_id}:0:deleted"
    store.history.delete(conversation_id, outbox={event_id: {"n": 3}}, now_ms=NOW_MS)


def kinds(store: Store, conversation_id: str) -> set[str]:
    return {item["SK"]["S"].split("#")[0] for item in store.items(conversation_id)}


def sweep(store: Store, now_ms: int) -> list[str]:
    found = store.history.finish_deletions(older_than_ms=now_ms, limit=10_000, now_ms=now_ms)
    return list(found)


def test_items_pieces_and_objects_go(store: Store) -> None:
    talk = store.talk()
    started = store.history.start_turn(start(talk, noise(INLINE + 5_000)))
    store.history.end_turn(end(started, noise(CHUNKED + 5_000)))
    assert store.objects(talk.id)

    delete(store, talk.id)
    store.history.purge(talk.id)

    assert kinds(store, talk.id) == {"GONE"}
    assert store.objects(talk.id) == []


def test_marking_alone_hides_it_from_everybody(store: Store) -> None:
    talk = store.talk(owner="u-hidden")
    zombie = store.history.start_turn(start(talk))

    delete(store, talk.id)

    with pytest.raises(NotFound):
        store.history.get(talk.id)
    assert store.history.list("u-hidden", limit=5).conversations == []
    with pytest.raises(Fenced):
        store.history.end_turn(end(zombie, "Yes."))


def test_a_store_that_is_down_while_marking_deletes_nothing(store: Store) -> None:
    talk = store.talk()
    store.dynamodb.refuse("transact_write_items", [throttled()] * 4)

    with pytest.raises(StoreUnavailable):
        delete(store, talk.id)

    assert store.history.get(talk.id) == talk


def test_what_could_not_be_purged_is_purged_by_the_sweeper(store: Store) -> None:
    """S3 is down at the moment of the deletion: its objects go later, though META is long gone."""
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    store.history.end_turn(end(started, noise(CHUNKED + 5_000)))
    store.s3.refuse("delete_objects", [client_error("SlowDown", 503)])
    delete(store, talk.id)
    with pytest.raises(StoreUnavailable):
        store.history.purge(talk.id)
    assert store.objects(talk.id)

    assert talk.id in sweep(store, NOW_MS + 60_000)

    assert store.objects(talk.id) == []
    assert talk.id not in sweep(store, NOW_MS + 60_000)


def test_what_a_producer_writes_afterwards_is_purged_too(store: Store) -> None:
    """A long text is written before the update that is then refused."""
    talk = store.talk()
    zombie = store.history.start_turn(start(talk))
    delete(store, talk.id)
    store.history.purge(talk.id)
    with pytest.raises(Fenced):
        store.history.checkpoint(checkpoint(zombie, noise(INLINE + 9_000)))
    with pytest.raises(Fenced):
        store.history.end_turn(end(zombie, noise(CHUNKED + 9_000)))
    assert kinds(store, talk.id) == {"GONE", "M"}

    assert talk.id in sweep(store, NOW_MS + LINGER_MS + 1)

    assert kinds(store, talk.id) == {"GONE"}
    assert store.objects(talk.id) == []


def test_the_tombstone_goes_when_its_event_has_arrived(store: Store) -> None:
    talk = store.talk()
    delete(store, talk.id)
    event_id = f"{talk.id}:0:deleted"
    waiting = [
        entry.event_id
        for entry in store.history.outbox(older_than_ms=NOW_MS + 1, limit=10_000)
        if entry.conversation_id == talk.id
    ]
    assert waiting == [event_id]
    sweep(store, NOW_MS + LINGER_MS + 1)
    assert kinds(store, talk.id) == {"GONE"}

    store.history.clear_outbox(talk.id, 0, [event_id])
    sweep(store, NOW_MS + LINGER_MS + 1)

    assert store.items(talk.id) == []


def test_deleting_twice_is_no_error(store: Store) -> None:
    talk = store.talk()
    delete(store, talk.id)
    delete(store, talk.id)
    store.history.purge(talk.id)
    store.history.purge(talk.id)


def test_an_object_that_s3_did_not_delete_is_no_success(store: Store) -> None:
    """DeleteObjects answers 200 and names in its body what it could not delete."""
    talk = store.talk()
    store.history.end_turn(end(store.history.start_turn(start(talk)), noise(CHUNKED + 5_000)))
    delete(store, talk.id)
    store.s3.answer("delete_objects", {"Errors": [{"Key": "k", "Code": "InternalError"}]})

    with pytest.raises(StoreUnavailable):
        store.history.purge(talk.id)

    assert talk.id in sweep(store, NOW_MS + 60_000)
    assert store.objects(talk.id) == []
