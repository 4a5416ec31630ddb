"""Hooks that refuse a question, or take an answer back."""

import threading
from dataclasses import replace

from orchestrator_lambda.api.application import make_application
from orchestrator_lambda.errors import BackendError, Moderated
from tests.integration.orchestrator_lambda.api.conftest import House
from tests.support.orchestrator_api import AnyUser, Client


class NoCats:
    """Refuses what speaks of cats."""

    def before(self, text: str) -> None:
        self.after(text)

    def after(self, text: str) -> None:
        if "cat" in text:
            raise Moderated("no cats here")


def client(house: House) -> Client:
    services = replace(house.services, moderator=NoCats())
    return Client(make_application(services, AnyUser(), [house.backend]))


def test_a_refused_question_is_not_stored(house: House) -> None:
    ann = client(house)
    talk = ann.new_conversation()

    refused = ann.post(talk, "A cat?")

    assert (refused.status, refused.json()["error"]["code"]) == (403, "moderated")
    assert ann.shown(talk) == []
    assert house.backend.requests == []


def test_a_refused_answer_is_taken_back(house: House) -> None:
    ann = client(house)
    house.backend.script = lambda request: ["A ", "cat."]
    talk = ann.new_conversation()

    events = ann.post(talk, "What is it?").all()

    assert [event.kind for event in events[-2:]] == ["reset", "error"]
    assert events[-2].data["text"] == ""
    assert events[-1].data["error"]["code"] == "moderated"
    assert ann.shown(talk)[1]["content"] == ""


def test_a_long_answer_is_looked_at_while_it_is_written(house: House) -> None:
    ann = client(house)
    never = threading.Event()
    house.backend.script = lambda request: ["A ", "cat ", never]
    talk = ann.new_conversation()

    assert ann.post(talk, "What is it?").all()[-1].kind == "error"
    assert house.backend.generations[-1].closed.wait(5)


class Broken:
    """Its service is down."""

    def before(self, text: str) -> None:
        """Lets everything pass."""

    def after(self, text: str) -> None:
        raise ConnectionError("no answer from the moderator")


def test_an_answer_that_nobody_could_look_at_is_taken_back_and_ended(house: House) -> None:
    """A hook that fails ends the turn: it must neither let all pass nor leave the turn open."""
    services = replace(house.services, moderator=Broken())
    ann = Client(make_application(services, AnyUser(), [house.backend]))
    talk = ann.new_conversation()

    events = ann.post(talk, "What is it?").all()

    assert [event.kind for event in events[-2:]] == ["reset", "error"]
    assert events[-1].data["error"]["code"] == "internal_error"
    assert "moderator" not in str(events[-1].data)
    stored = ann.shown(talk)[1]
    assert (stored["content"], stored["status"]) == ("", "error")


def test_what_came_before_a_failure_is_looked_at_too(house: House) -> None:
    """The backend breaks after words that no checkpoint has seen."""
    ann = client(house)
    house.backend.script = lambda request: ["A cat", BackendError("gone")]
    talk = ann.new_conversation()

    events = ann.post(talk, "What is it?").all()

    assert events[-1].data["error"]["code"] == "moderated"
    assert ann.shown(talk)[1]["content"] == ""
