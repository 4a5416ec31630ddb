"""A talk as a reader has it, over a real table."""

from tests.integration.orchestrator_lambda.api.conftest import House


def test_a_message_is_answered_event_by_event(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation(system="Be brief.")

    answer = ann.post(talk, "Hello?")
    events = answer.all()

    assert answer.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert [event.kind for event in events] == ["turn", "delta", "delta", "done"]
    assert [event.seq for event in events] == [0, 1, 2, 3]
    assert events[0].data["user"]["content"] == "Hello?"
    assert events[-1].data["answer"]["content"] == "Good day."
    assert events[-1].data["answer"]["receipt"]["completion_tokens"] == 2
    assert events[-1].data["conversation"]["answering"] is None


def test_what_the_reader_was_told_is_what_is_stored(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    done = ann.post(talk, "Hello?").all()[-1]

    shown = ann.shown(talk)

    assert [message["content"] for message in shown] == ["Hello?", "Good day."]
    assert shown[1] == done.data["answer"]


def test_the_next_prompt_begins_with_the_one_before_and_the_answer(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation(system="Be brief.")
    ann.post(talk, "One?").all()
    ann.post(talk, "Two?").all()

    first, second = house.backend.requests

    assert [message.role for message in first.messages] == ["system", "user"]
    assert list(second.messages[:2]) == list(first.messages)
    assert [message.content for message in second.messages[2:]] == ["Good day.", "Two?"]
    assert first.conversation_id == second.conversation_id == talk


def test_a_whole_answer_for_who_does_not_want_a_stream(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()

    content = ann.post(talk, "Hello?", stream=False).json()

    assert content["user"]["content"] == "Hello?"
    assert content["answer"]["content"] == "Good day."
    assert content["conversation"]["totals"]["turns"] == 1


def test_regenerating_makes_a_branch(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    house.backend.script = lambda request: ["Hi."]

    ann.call("POST", f"/v1/conversations/{talk}/messages/2/regenerate").all()
    read = ann.json("GET", f"/v1/conversations/{talk}")

    assert [message["content"] for message in read["messages"]] == ["Hello?", "Hi."]
    assert read["variants"] == {"3": [2, 3]}
    assert house.backend.requests[0].messages == house.backend.requests[1].messages


def test_editing_makes_a_branch_and_the_old_one_can_be_shown_again(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Helo?").all()
    ann.call("POST", f"/v1/conversations/{talk}/messages/1/edit", {"content": "Hello?"}).all()

    assert [m["content"] for m in ann.shown(talk)] == ["Hello?", "Good day."]
    branches = ann.json("GET", f"/v1/conversations/{talk}/branches")["branches"]
    assert [(b["leaf"], b["shown"]) for b in branches] == [(2, False), (4, True)]

    chosen = ann.json("PUT", f"/v1/conversations/{talk}/head", {"seq": 1})

    assert [m["content"] for m in chosen["messages"]] == ["Helo?", "Good day."]
    assert [m["content"] for m in ann.shown(talk)] == ["Helo?", "Good day."]


def test_a_title_is_written_after_the_first_answer(house: House) -> None:
    ann = house.client(titles=True)
    talk = ann.new_conversation()
    house.backend.script = lambda request: (
        ['"A Greeting"'] if "title" in request.messages[-1].content else ["Good day."]
    )

    first = ann.post(talk, "Hello?").all()
    second = ann.post(talk, "And now?").all()

    assert first[-1].kind == "title"
    assert first[-1].data == {"title": "A Greeting"}
    assert second[-1].kind == "done"
    assert ann.json("GET", f"/v1/conversations/{talk}")["conversation"]["title"] == "A Greeting"


def test_feedback_is_kept_and_taken_back(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    ann.post(talk, "Hello?").all()
    path = f"/v1/conversations/{talk}/messages/2/feedback"

    ann.json("PUT", path, {"rating": "up", "comment": "kind"})
    assert ann.shown(talk)[1]["feedback"] == {"rating": "up", "comment": "kind"}

    assert ann.call("DELETE", path).status == 204
    assert "feedback" not in ann.shown(talk)[1]


def test_everything_can_be_exported_and_deleted(house: House) -> None:
    import json

    zoe = house.client("zoe")
    for number in range(3):
        zoe.post(zoe.new_conversation(), f"Hello {number}?").all()

    lines = [json.loads(line) for line in zoe.call("GET", "/v1/me/export").text().splitlines()]
    assert lines[-1] == {"complete": True, "conversations": 3}
    assert {line["messages"][0]["content"] for line in lines[:-1]} == {
        "Hello 0?",
        "Hello 1?",
        "Hello 2?",
    }

    assert zoe.json("DELETE", "/v1/me/data") == {"deleted": 3, "more": False}
    assert zoe.json("GET", "/v1/conversations")["conversations"] == []


def test_telemetry_of_a_turn_is_sent_after_the_answer_and_crossed_off(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()

    ann.post(talk, "Hello?").all()

    names = [event["event_id"] for event in house.telemetry.sent]
    assert names == [f"{talk}:2:started", f"{talk}:2:ended"]
    left = house.history.outbox(older_than_ms=2**41, limit=1000)
    assert [entry for entry in left if entry.conversation_id == talk] == []
