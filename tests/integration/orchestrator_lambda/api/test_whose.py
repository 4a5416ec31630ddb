"""A user sees their own conversations only: every route is tried with another's."""

import pytest

from tests.integration.orchestrator_lambda.api.conftest import House

ROUTES = [
    ("GET", "", None),
    ("PATCH", "", {"title": "mine"}),
    ("DELETE", "", None),
    ("GET", "/branches", None),
    ("PUT", "/head", {"seq": 1}),
    ("POST", "/warm", None),
    ("POST", "/messages", {"content": "hi"}),
    ("POST", "/messages/1/edit", {"content": "hi"}),
    ("POST", "/messages/2/regenerate", {}),
    ("GET", "/messages/2/stream", None),
    ("POST", "/messages/2/stop", None),
    ("PUT", "/messages/2/feedback", {"rating": "up"}),
    ("DELETE", "/messages/2/feedback", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ROUTES)
def test_anothers_conversation_is_not_found(
    house: House, method: str, path: str, body: object
) -> None:
    ann, eve = house.client("ann"), house.client("eve")
    talk = ann.new_conversation(title="private")
    ann.post(talk, "Hello?").all()
    before = ann.json("GET", f"/v1/conversations/{talk}")

    tried = eve.call(method, f"/v1/conversations/{talk}{path}", body)
    absent = eve.call(method, f"/v1/conversations/c_{'0' * 26}{path}", body)

    assert tried.status == absent.status == 404
    assert tried.json() == absent.json()
    assert ann.json("GET", f"/v1/conversations/{talk}") == before


def test_anothers_conversation_cannot_be_used_by_an_openai_client(house: House) -> None:
    ann, eve = house.client("ann"), house.client("eve")
    talk = ann.new_conversation()
    body = {"messages": [{"role": "user", "content": "hi"}], "conversation_id": talk}

    assert eve.call("POST", "/v1/chat/completions", body).status == 404


def test_lists_and_exports_hold_ones_own_alone(house: House) -> None:
    ann, kim = house.client("list-ann"), house.client("list-kim")
    talk = ann.new_conversation(title="private")
    ann.post(talk, "Hello?").all()

    assert kim.json("GET", "/v1/conversations")["conversations"] == []
    assert talk not in kim.call("GET", "/v1/me/export").text()
    assert kim.json("DELETE", "/v1/me/data")["deleted"] == 0
    assert [c["id"] for c in ann.json("GET", "/v1/conversations")["conversations"]] == [talk]


def test_anothers_cursor_opens_no_door(house: House) -> None:
    ann, kim = house.client("page-ann"), house.client("page-kim")
    for _ in range(3):
        ann.new_conversation()
    cursor = ann.json("GET", "/v1/conversations?limit=2")["cursor"]

    page = kim.json("GET", f"/v1/conversations?limit=2&cursor={cursor}")

    assert page == {"conversations": [], "cursor": None}


def test_the_same_key_of_two_users_makes_two_conversations(house: House) -> None:
    key = {"Idempotency-Key": "same"}
    ids = {
        user: house.client(user).call("POST", "/v1/conversations", {}, headers=key).json()["id"]
        for user in ("ann", "eve")
    }
    again = house.client("ann").call("POST", "/v1/conversations", {}, headers=key).json()["id"]

    assert ids["ann"] != ids["eve"]
    assert again == ids["ann"]


def test_the_key_of_one_conversation_does_not_make_another(house: House) -> None:
    """Whoever uses a key again for something else is told, and does not get the first one's."""
    ann, key = house.client(), {"Idempotency-Key": "one-only"}
    ann.call("POST", "/v1/conversations", {"system": "Be brief."}, headers=key).json()

    other = ann.call("POST", "/v1/conversations", {"system": "Be long."}, headers=key)

    assert (other.status, other.json()["error"]["code"]) == (409, "idempotency_mismatch")
