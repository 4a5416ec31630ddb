import pytest

from orchestrator_lambda.conversation.ids import (
    check_conversation_id,
    conversation_id_of,
    new_conversation_id,
)
from orchestrator_lambda.errors import NotFound


def test_ids_sort_by_time_and_do_not_repeat() -> None:
    early, late = new_conversation_id(1_700_000_000_000), new_conversation_id(1_700_000_000_001)

    assert early < late
    assert len({new_conversation_id(5) for _ in range(1000)}) == 1000
    assert check_conversation_id(early) == early


def test_a_name_always_has_the_same_id() -> None:
    assert conversation_id_of("ann:k") == conversation_id_of("ann:k") != conversation_id_of("eve:k")
    check_conversation_id(conversation_id_of("ann:k"))


@pytest.mark.parametrize(
    "text",
    ["", "x", "c_", "c_" + "0" * 25, "c_" + "o" * 26, "C_" + "0" * 26, "c_" + "0" * 26 + "\n"],
)
def test_what_cannot_be_an_id_is_not_found(text: str) -> None:
    with pytest.raises(NotFound):
        check_conversation_id(text)
