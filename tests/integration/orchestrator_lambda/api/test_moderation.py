"""Hooks that refuse a question, or take an answer back."""

import threading
from dataclasses import replace

from orchestrator_lambda.api.application import make_application
from orchestrator_lambda.errors import Moderated
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
