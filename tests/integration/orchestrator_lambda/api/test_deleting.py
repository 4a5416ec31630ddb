"""Deleting, while somebody writes, while stores are down; and what telemetry hears of it."""

import json
import random
import string
import threading

import pytest

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.history import schema
from orchestrator_lambda.telemetry.sweeper import finish_deletions
from tests.integration.orchestrator_lambda.api.conftest import House
from tests.integration.orchestrator_lambda.api.test_resuming import held, until

LONG = "".join(random.Random(1).choices(string.printable, k=60_000))


def left(house: House, talk: str) -> set[str]:
    """Kinds of the items that are there."""
    condition, values = f"#{schema.PK} = :p", {":p": schema.conversation_key(talk)}
    items = house.history._table.query(condition, values)
    return {str(item[schema.SK]).split("#")[0] for item in items}


def test_deleting_in_mid_answer_stops_the_writer_and_leaves_nothing(house: House) -> None:
    """The text is long: it lies in pieces, which are written before the update that is refused."""
    ann, never = house.client(), threading.Event()
    house.backend.script = held(never, LONG)
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").abandon()
    until(lambda: house.history.message(talk, 2).text == LONG)

    assert ann.call("DELETE", f"/v1/conversations/{talk}").status == 204

    assert house.backend.generations[-1].closed.wait(5)
    until(lambda: not house.sessions.knows(talk))
    until(lambda: left(house, talk) == {"GONE"})


def test_telemetry_hears_of_a_deletion_before_the_next_invocation(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()

    answer = ann.call("DELETE", f"/v1/conversations/{talk}")
    answer.finish()

    assert [event["event_id"] for event in house.telemetry.sent] == [f"{talk}:0:deleted"]


def test_a_deletion_that_telemetry_did_not_hear_of_waits_in_the_outbox(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    house.telemetry.down = True

    ann.call("DELETE", f"/v1/conversations/{talk}").finish()

    entries = house.history.outbox(older_than_ms=2**41, limit=10_000)
    assert [one.event_id for one in entries if one.conversation_id == talk] == [f"{talk}:0:deleted"]


def test_a_store_that_fails_at_purging_delays_it_alone(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()

    def down(conversation_id: str) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(house.history, "purge", down)
        assert ann.call("DELETE", f"/v1/conversations/{talk}").status == 204
    assert ann.call("GET", f"/v1/conversations/{talk}").status == 404
    assert left(house, talk) > {"GONE"}

    later = house.services.clock() + 61_000
    finish_deletions(house.history, now_ms=later, remaining_ms=lambda: 60_000)

    assert left(house, talk) == {"GONE"}


def test_everything_of_a_user_goes(house: House) -> None:
    ann = house.client("going")
    talks = [ann.new_conversation() for _ in range(3)]
    ann.post(talks[0], "Hello?").all()

    answer = ann.call("DELETE", "/v1/me/data")

    assert answer.json() == {"deleted": 3, "more": False}
    assert {kind for talk in talks for kind in left(house, talk)} == {"GONE"}
    assert sum(event["kind"] == "deleted" for event in house.telemetry.sent) == 3


def test_everything_of_a_user_is_in_the_export_over_all_branches(house: House) -> None:
    """Messages that no branch shows, verdicts, and the summary that the model has written."""
    ann = house.client("taking")
    talk = ann.new_conversation(title="Rivers", system="Be brief.")
    ann.post(talk, "Hello?").all()
    ann.call("POST", f"/v1/conversations/{talk}/messages/1/edit", {"content": "Hi?"}).text()
    ann.json("PUT", f"/v1/conversations/{talk}/messages/2/feedback", {"rating": "up"})

    *lines, last = ann.call("GET", "/v1/me/export").text().splitlines()

    assert json.loads(last) == {"complete": True, "conversations": 1}
    exported = json.loads(lines[0])
    assert exported["conversation"]["system"] == "Be brief."
    assert exported["summary"] == ""
    told = [message["content"] for message in exported["messages"]]
    assert told == ["Hello?", "Good day.", "Hi?", "Good day."]
    assert exported["messages"][1]["feedback"] == {"rating": "up", "comment": ""}
