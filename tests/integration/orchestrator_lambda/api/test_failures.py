"""What goes wrong, each test named for the defect that it keeps away."""

import threading

import pytest

from orchestrator_lambda.errors import (
    BackendError,
    BackendOverloaded,
    BackendUnavailable,
    InvalidRequest,
    StoreUnavailable,
)
from tests.integration.orchestrator_lambda.api.conftest import House
from tests.integration.orchestrator_lambda.api.test_resuming import follow, held, until
from tests.support.orchestrator_api import Answer


def test_the_same_post_again_gives_the_same_turn(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    key = {"Idempotency-Key": "k-1"}
    first = ann.post(talk, "Hello?", headers=key).all()

    again = ann.post(talk, "Hello?", headers=key).all()

    assert again[0].data["duplicate"] is True
    assert again[0].data["user"] == first[0].data["user"]
    assert again[-1].data["answer"] == first[-1].data["answer"]
    assert len(house.backend.requests) == 1
    assert len(ann.shown(talk)) == 2


def test_the_same_post_twice_at_once_gives_one_turn(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    answers: list[Answer] = []

    def post() -> None:
        answer = ann.post(talk, "Hello?", headers={"Idempotency-Key": "k-2"})
        answer.all()
        answers.append(answer)

    threads = [threading.Thread(target=post) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status for answer in answers] == [200] * 6
    assert {answer.seen[-1].data["answer"]["content"] for answer in answers} == {"Good day."}
    assert sorted(answer.seen[0].data["duplicate"] for answer in answers) == [False] + [True] * 5
    assert len(house.backend.requests) == 1
    assert len(ann.shown(talk)) == 2


def test_the_same_key_with_another_text_is_refused(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    key = {"Idempotency-Key": "k-3"}
    ann.post(talk, "Hello?", headers=key).all()

    refused = ann.post(talk, "Goodbye?", headers=key)

    assert refused.status == 409
    assert refused.json()["error"]["code"] == "idempotency_mismatch"


def test_two_tabs_are_told_apart_and_the_second_can_follow_the_first(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    first = ann.post(talk, "Hello?")
    first.abandon()
    until(lambda: house.sessions.locks() == [talk])

    refused = ann.post(talk, "Me too?")
    content = refused.json()["error"]
    assert (refused.status, content["code"]) == (409, "turn_in_progress")

    gate.set()
    events = follow(ann, talk, content["details"]["answer_seq"]).all()
    assert events[-1].kind == "done"
    assert len(ann.shown(talk)) == 2


def test_two_tabs_posting_at_once_lose_neither_message(house: House) -> None:
    """One is taken and answered, the others are refused: nothing is overwritten."""
    ann = house.client()
    talk = ann.new_conversation()
    answers: dict[str, Answer] = {}

    def post(text: str) -> None:
        answers[text] = ann.post(talk, text)
        if answers[text].status == 200:
            answers[text].all()

    threads = [threading.Thread(target=post, args=(f"from tab {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    taken = {text for text, answer in answers.items() if answer.status == 200}
    stored = {m.text for m in house.history.messages(talk) if m.role.value == "user"}
    assert taken == stored
    assert taken
    refused = [answer for answer in answers.values() if answer.status != 200]
    assert {answer.json()["error"]["code"] for answer in refused} <= {
        "turn_in_progress",
        "conflict",
    }


def test_a_dead_turn_does_not_block_the_next_message(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    dying = house.client()
    dying.lifetime_ms = 1_000
    dying.post(talk, "Hello?").all()
    house.backend.script = lambda request: ["Fine."]

    def post() -> bool:
        return ann.post(talk, "Still there?", stream=False).status == 200

    until(post)
    shown = ann.shown(talk)
    assert [message["content"] for message in shown] == ["Hello?", "One ", "Still there?", "Fine."]
    assert shown[1]["status"] == "error"
    assert shown[1]["error"] == {"code": "backend_unavailable"}


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BackendOverloaded("full", retry_after_ms=1500), "backend_overloaded"),
        (BackendUnavailable("nobody there"), "backend_unavailable"),
        (BackendError("garbage"), "backend_error"),
        (InvalidRequest("too odd"), "invalid_request"),
        (RuntimeError("secret inside"), "internal_error"),
    ],
)
def test_a_failing_backend_ends_the_turn_with_one_clear_error(
    house: House, error: Exception, code: str
) -> None:
    ann = house.client()
    house.backend.script = lambda request: ["One ", error]
    talk = ann.new_conversation()

    events = ann.post(talk, "Hello?").all()

    assert [event.kind for event in events] == ["turn", "delta", "error"]
    assert events[-1].data["error"]["code"] == code
    assert "secret" not in str(events[-1].data)
    stored = ann.shown(talk)[1]
    assert (stored["content"], stored["status"]) == ("One ", "error")
    assert house.sessions.locks() == []


def test_an_overloaded_backend_says_when_to_come_again(house: House) -> None:
    ann = house.client()
    house.backend.script = lambda request: [BackendOverloaded("full", retry_after_ms=1500)]
    talk = ann.new_conversation()

    last = ann.post(talk, "Hello?").all()[-1]

    assert last.data["error"]["retry_after_ms"] == 1500


def test_after_an_error_the_answer_can_be_asked_for_again(house: House) -> None:
    ann = house.client()
    house.backend.script = lambda request: [BackendError("garbage")]
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    house.backend.script = lambda request: ["Good day."]

    ann.call("POST", f"/v1/conversations/{talk}/messages/2/regenerate").all()

    assert [m["content"] for m in ann.shown(talk)] == ["Hello?", "Good day."]


def test_the_end_is_not_told_before_it_is_stored(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is down at the commit for a while: the reader waits, and is told the truth."""
    ann = house.client()
    talk = ann.new_conversation()
    end_turn, failures = house.history.end_turn, iter(range(3))

    def failing(end: object) -> None:
        if next(failures, None) is not None:
            raise StoreUnavailable("throttled")
        end_turn(end)  # type: ignore[arg-type]

    monkeypatch.setattr(house.history, "end_turn", failing)
    events = ann.post(talk, "Hello?").all()

    assert events[-1].kind == "done"
    assert house.history.message(talk, 2).status.value == "complete"


def test_a_store_that_stays_down_leaves_the_turn_to_be_gone_on_with(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = house.client()
    talk = ann.new_conversation()

    def down(end: object) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(house.history, "end_turn", down)
        short = house.client()
        short.lifetime_ms = 3_000
        events = short.post(talk, "Hello?").all()
        assert "done" not in [event.kind for event in events]

    house.backend.script = lambda request: [""]
    rest = follow(ann, talk, 2, after=events[-1].seq).all()
    assert rest[-1].kind == "done"
    assert rest[-1].data["answer"]["content"] == "Good day."


def test_a_store_that_is_down_at_the_start_takes_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = house.client()
    talk = ann.new_conversation()

    def down(start: object) -> None:
        raise StoreUnavailable("down")

    with monkeypatch.context() as patch:
        patch.setattr(house.history, "start_turn", down)
        refused = ann.post(talk, "Hello?")

    assert refused.status == 503
    assert refused.response.headers["Retry-After"] == "1"
    assert house.backend.requests == []
    assert ann.shown(talk) == []


def test_events_that_could_not_be_sent_stay_in_the_outbox(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    house.telemetry.down = True

    ann.post(talk, "Hello?").all()

    left = house.history.outbox(older_than_ms=2**41, limit=1000)
    kinds = sorted(entry.event_id for entry in left if entry.conversation_id == talk)
    assert kinds == [f"{talk}:2:ended", f"{talk}:2:started"]


def test_deleting_in_mid_answer_ends_it_and_leaves_nothing(house: House) -> None:
    ann, gate = house.client(), threading.Event()
    house.backend.script = held(gate, "One ")
    talk = ann.new_conversation()
    answer = ann.post(talk, "Hello?")
    answer.abandon()
    until(lambda: house.history.message(talk, 2).text == "One ")

    assert ann.call("DELETE", f"/v1/conversations/{talk}").status == 204
    gate.set()
    until(lambda: not house.sessions.locks())

    assert ann.call("GET", f"/v1/conversations/{talk}").status == 404
    assert list(house.history.messages(talk)) == []
