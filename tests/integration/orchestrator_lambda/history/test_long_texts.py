"""No text is too long to be kept, whatever an item may hold."""

import random
import string

import pytest

from orchestrator_lambda.history.codec import CHUNK, CHUNKED, INLINE
from tests.integration.orchestrator_lambda.history.conftest import Store, checkpoint, end, start

SIGNS = string.ascii_letters + string.digits + "-_"  # six bits each


def noise(bytes_compressed: int, seed: int = 1) -> str:
    """A text that compresses to about so many bytes."""
    chosen = random.Random(seed)
    signs = chosen.choices(SIGNS, k=max(1, int(bytes_compressed / 0.755)))
    return "".join(["äß", *signs, "漢字🎈"])


SIZES = [1, INLINE - 500, INLINE + 2_000, CHUNK + 10, CHUNKED - 20_000, CHUNKED + 20_000]


@pytest.mark.parametrize("size", [*SIZES, 400 * 1024, 2_000_000])
@pytest.mark.parametrize("bucket", [True, False])
def test_texts_of_every_length_come_back_whole(store: Store, size: int, bucket: bool) -> None:
    """At the limit of an item (400 KB), on both sides of it, and 2 MB; with and without S3."""
    history = store.history if bucket else store.without_bucket
    question, answer = noise(size, 1), noise(size, 2)
    talk = store.talk()

    started = history.start_turn(start(talk, question))
    history.checkpoint(checkpoint(started, answer[: len(answer) // 2]))
    half = history.message(talk.id, 2).text
    history.end_turn(end(started, answer))

    assert half == answer[: len(answer) // 2]
    assert [message.text for message in history.messages(talk.id)] == [question, answer]
    assert history.message(talk.id, 2).text == answer


def test_a_long_text_lies_in_the_bucket_alone(store: Store) -> None:
    talk = store.talk()
    started = store.history.start_turn(start(talk))
    store.history.end_turn(end(started, noise(CHUNKED + 20_000)))

    assert len(store.objects(talk.id)) == 1
    assert all(len(str(item)) < 5_000 for item in store.items(talk.id))


def test_pieces_of_an_answer_expire_with_their_conversation(store: Store) -> None:
    """A piece without an expiry would stay for ever when the conversation is long gone."""
    expires_s = int(store.now_s) + 1000
    talk = store.talk(expires_s=expires_s)
    started = store.history.start_turn(start(talk, noise(INLINE + 9_000)))
    store.history.checkpoint(checkpoint(started, noise(INLINE + 5_000, 2)))
    store.history.end_turn(end(started, noise(INLINE + 6_000, 3)))

    items = [item for item in store.items(talk.id) if not item["SK"]["S"].startswith("I#")]

    assert sum(item["SK"]["S"].count("#") == 3 for item in items) == 3
    assert {item.get("ttl", {}).get("N") for item in items} == {str(expires_s)}


def test_a_turn_costs_the_same_in_a_long_conversation(store: Store) -> None:
    """A turn writes the same four items and two more updates, however much there is before it."""
    conversation = store.talk()
    calls = []
    for number in range(6):
        before = len(store.dynamodb.calls)
        started = store.history.start_turn(start(conversation, f"{number}?", key=f"k{number}"))
        store.history.end_turn(end(started, "Yes."))
        conversation = store.history.get(conversation.id)
        calls.append(store.dynamodb.calls[before:])

    assert all(one == calls[0] for one in calls)
