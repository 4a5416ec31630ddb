"""The writes of a turn, under everything that can go wrong between here and the store."""

from dataclasses import replace

import pytest
from botocore.exceptions import ConnectionClosedError

from orchestrator_lambda.conversation.model import MessageStatus
from orchestrator_lambda.errors import (
    Conflict,
    Fenced,
    IdempotencyMismatch,
    NotFound,
    StoreUnavailable,
)
from tests.integration.orchestrator_lambda.history.conftest import (
    NOW_MS,
    Store,
    checkpoint,
    end,
    start,
)
from tests.support.faulty_client import broken, cancelled, throttled

TRIES = 4


def texts(store: Store, conversation_id: str) -> list[str]:
    return [message.text for message in store.history.messages(conversation_id)]


def test_a_throttled_read_does_not_wipe(store: Store) -> None:
    """The read fails in the middle of a turn: what was there before is there afterwards."""
    talk = store.talk()
    store.history.end_turn(end(store.history.start_turn(start(talk)), "Yes."))
    store.dynamodb.refuse("get_item", [throttled()] * TRIES)
    store.dynamodb.refuse("query", [throttled()] * TRIES)

    with pytest.raises(StoreUnavailable):
        store.history.get(talk.id)
    with pytest.raises(StoreUnavailable):
        store.history.messages(talk.id)

    now = store.history.get(talk.id)
    store.history.end_turn(end(store.history.start_turn(start(now, "More?", key="k2")), "No."))
    assert texts(store, talk.id) == ["Hello?", "Yes.", "More?", "No."]


@pytest.mark.parametrize(
    "storm",
    [
        [throttled(), broken(), throttled()],
        [cancelled("None", "ProvisionedThroughputExceeded", "None", "None"), throttled()],
        [cancelled("None", "None", "ThrottlingError"), cancelled("TransactionConflict")],
        [ConnectionClosedError(endpoint_url="http://store")],
    ],
)
def test_a_storm_of_throttling_changes_nothing(store: Store, storm: list[Exception]) -> None:
    """A transaction that was throttled in one of its parts is no condition that did not hold."""
    talk = store.talk()
    store.dynamodb.refuse("transact_write_items", storm)
    started = store.history.start_turn(start(talk))
    store.dynamodb.refuse("update_item", [throttled(), broken()])
    store.history.checkpoint(checkpoint(started, "Y"))
    store.dynamodb.refuse("transact_write_items", storm)
    store.history.end_turn(end(started, "Yes."))

    assert texts(store, talk.id) == ["Hello?", "Yes."]
    assert store.history.get(talk.id).totals.turns == 1


def test_a_storm_that_does_not_end_takes_nothing(store: Store) -> None:
    talk = store.talk()
    store.dynamodb.refuse("transact_write_items", [throttled()] * TRIES)

    with pytest.raises(StoreUnavailable) as raised:
        store.history.start_turn(start(talk))

    assert raised.value.retry_after_ms
    assert texts(store, talk.id) == []
    assert store.history.get(talk.id) == talk


def test_a_lost_acknowledgement_of_the_start_begins_one_turn(store: Store) -> None:
    talk = store.talk()
    store.dynamodb.lose_answers("transact_write_items")

    started = store.history.start_turn(start(talk))

    assert not started.duplicate
    assert started.conversation.fence == 1
    assert texts(store, talk.id) == ["Hello?", ""]


def test_a_start_whose_token_is_forgotten_still_knows_its_own_write(store: Store) -> None:
    """DynamoDB remembers a token for ten minutes; the key's nonce is remembered for a day."""
    talk = store.talk()
    store.dynamodb.lose_answers("transact_write_items")
    store.dynamodb.refuse("transact_write_items", [])
    began = start(talk)
    original = store.dynamodb.client.transact_write_items
    tokens: list[str] = []

    class Forgetful:
        def __getattr__(self, name: str) -> object:
            return getattr(store_client, name)

        def transact_write_items(self, **arguments: object) -> object:
            tokens.append(str(arguments.pop("ClientRequestToken")))
            return original(**arguments)

    store_client = store.dynamodb.client
    store.dynamodb.client = Forgetful()
    started = store.history.start_turn(began)
    store.dynamodb.client = store_client

    assert len(tokens) == 2
    assert not started.duplicate
    assert texts(store, talk.id) == ["Hello?", ""]


def test_a_lost_acknowledgement_of_the_commit_is_found_out(store: Store) -> None:
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    store.dynamodb.lose_answers("transact_write_items")

    store.history.end_turn(end(started, "Yes."))
    store.history.end_turn(end(started, "Yes."))  # and by whoever tries again later

    meta = store.history.get(talk.id)
    assert (meta.totals.turns, meta.totals.output_tokens, meta.answering) == (1, 3, None)
    assert texts(store, talk.id) == ["Hello?", "Yes."]


def test_a_turn_ends_once_and_in_one_way(store: Store) -> None:
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    store.history.end_turn(end(started, "Yes."))

    with pytest.raises(Fenced):
        store.history.end_turn(end(started, "No."))
    with pytest.raises(Fenced):
        store.history.end_turn(end(started, "Yes.", status=MessageStatus.STOPPED))

    assert store.history.message(talk.id, 2).text == "Yes."


def test_a_crash_between_the_two_transactions_leaves_a_turn_that_can_be_ended(
    store: Store,
) -> None:
    talk = store.talk()
    dead = store.history.start_turn(start(talk))
    store.history.checkpoint(checkpoint(dead, "Y"))

    found = list(store.history.unfinished(older_than_ms=NOW_MS + 1, limit=10_000))
    assert (talk.id, 2) in found
    taken = store.history.take_over(talk.id, 2, now_ms=NOW_MS + 5)
    store.history.end_turn(end(replace(dead, conversation=taken), "Yes."))

    assert texts(store, talk.id) == ["Hello?", "Yes."]
    assert store.history.get(talk.id).answering is None


def test_a_zombie_is_refused_by_its_fence(store: Store) -> None:
    talk = store.talk()
    zombie = store.history.start_turn(start(talk))
    store.history.take_over(talk.id, 2, now_ms=NOW_MS + 5)

    with pytest.raises(Fenced):
        store.history.checkpoint(checkpoint(zombie, "old"))
    with pytest.raises(Fenced):
        store.history.end_turn(end(zombie, "old"))

    assert store.history.message(talk.id, 2).text == ""


def test_two_cannot_take_over_the_same_answer(store: Store) -> None:
    talk = store.talk()
    store.history.start_turn(start(talk))
    stale = store.history.get(talk.id)
    store.history.take_over(talk.id, 2, now_ms=NOW_MS)

    with pytest.raises(Conflict):
        store.history._turns.take_over(stale, 2, NOW_MS)


def test_two_tabs_cannot_begin_on_the_same_version(store: Store) -> None:
    talk = store.talk()
    store.history.start_turn(start(talk, "One?", key="k1"))

    with pytest.raises(Conflict):
        store.history.start_turn(start(talk, "Two?", key="k2"))

    assert texts(store, talk.id) == ["One?", ""]


def test_the_same_key_begins_one_turn_at_once_and_after_hours(store: Store) -> None:
    talk = store.talk()
    first = store.history.start_turn(start(talk))
    store.history.end_turn(end(first, "Yes."))
    later = replace(start(store.history.get(talk.id)), now_ms=NOW_MS + 23 * 3_600_000)

    again = store.history.start_turn(later)

    assert again.duplicate
    assert (again.user_seq, again.answer_seq) == (1, 2)
    assert texts(store, talk.id) == ["Hello?", "Yes."]


def test_the_same_key_with_another_request_is_refused(store: Store) -> None:
    talk = store.talk()
    store.history.end_turn(end(store.history.start_turn(start(talk)), "Yes."))

    with pytest.raises(IdempotencyMismatch):
        store.history.start_turn(start(store.history.get(talk.id), digest="other"))


def test_a_key_is_free_again_after_a_day_though_its_item_is_still_there(store: Store) -> None:
    """DynamoDB removes expired items late: days may pass."""
    talk = store.talk()
    store.history.end_turn(end(store.history.start_turn(start(talk)), "Yes."))
    store.now_s += 25 * 3600
    late = replace(start(store.history.get(talk.id), "Again?"), now_ms=NOW_MS + 25 * 3_600_000)

    assert store.history.find_turn(talk.id, "k") is None
    assert not store.history.start_turn(late).duplicate
    assert texts(store, talk.id) == ["Hello?", "Yes.", "Again?", ""]


def test_expired_conversations_are_gone_though_their_items_are_still_there(store: Store) -> None:
    talk = store.talk(owner="u-expiring", expires_s=int(store.now_s) + 10)
    store.history.start_turn(start(talk))
    assert store.history.list("u-expiring", limit=5).conversations

    store.now_s += 11

    with pytest.raises(NotFound):
        store.history.get(talk.id)
    with pytest.raises(NotFound):
        store.history.message(talk.id, 1)
    assert store.history.messages(talk.id) == []
    assert store.history.list("u-expiring", limit=5).conversations == []


def test_a_clock_that_lags_makes_no_conversation_look_older(store: Store) -> None:
    talk = store.talk()
    lagging = replace(start(talk), now_ms=NOW_MS - 3_600_000)

    started = store.history.start_turn(lagging)

    assert started.conversation.updated_ms == talk.updated_ms


def test_a_checkpoint_brings_back_whether_a_stop_was_asked_for(store: Store) -> None:
    """The reader's Lambda may have lost Redis while the producer's has not."""
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    assert store.history.checkpoint(checkpoint(started, "Y")) is False

    store.history.request_stop(talk.id, 2)

    assert store.history.checkpoint(checkpoint(started, "Ye")) is True


def test_what_a_checkpoint_counted_is_known_to_whoever_takes_over(store: Store) -> None:
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    store.history.checkpoint(checkpoint(started, "Yes, of course", tokens=3))

    assert store.history.message(talk.id, 2).tokens == 3


def test_events_wait_in_the_outbox_until_they_are_crossed_off(store: Store) -> None:
    talk = store.talk()
    store.history.end_turn(end(store.history.start_turn(start(talk)), "Yes."))

    def waiting() -> list[str]:
        entries = store.history.outbox(older_than_ms=NOW_MS + 1, limit=10_000)
        return sorted(one.event_id for one in entries if one.conversation_id == talk.id)

    assert waiting() == [f"{talk.id}:2:ended", f"{talk.id}:2:started"]
    store.history.clear_outbox(talk.id, 2, [f"{talk.id}:2:started"])
    assert waiting() == [f"{talk.id}:2:ended"]
    store.history.clear_outbox(talk.id, 2, [f"{talk.id}:2:ended", f"{talk.id}:2:ended"][:1])
    assert waiting() == []
