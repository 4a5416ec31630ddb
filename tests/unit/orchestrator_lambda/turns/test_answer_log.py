from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.turns.answer_log import LOST_IDS, AnswerLog


def test_text_goes_out_once_in_numbered_events() -> None:
    log = AnswerLog()
    log.add("One ")
    log.add("two ")
    first = log.flush()
    log.add("three")

    assert first is not None
    assert (first.seq, first.kind, first.data) == (1, "delta", {"text": "One two "})
    second = log.flush()
    assert second is not None
    assert (second.seq, second.data) == (2, {"text": "three"})
    assert log.flush() is None
    assert log.text == "One two three"
    assert log.ending("done", {}).seq == 3


def test_a_new_producer_counts_on_where_it_knows_how_far_readers_are() -> None:
    log = AnswerLog("One ", 7)
    log.add("two")

    event = log.flush()

    assert event is not None
    assert (event.seq, event.kind, event.data) == (8, "delta", {"text": "two"})


def test_where_it_does_not_know_ids_jump_and_the_whole_text_is_told() -> None:
    log = AnswerLog("One ", 7, certain=False)
    log.add("two")

    event = log.flush()

    assert event is not None
    assert event.seq == 7 + LOST_IDS + 1
    assert (event.kind, event.data) == ("reset", {"text": "One two"})


def test_a_withdrawn_text_is_gone() -> None:
    log = AnswerLog()
    log.add("secret")
    log.flush()

    event = log.withdraw()

    assert (event.seq, event.kind, event.data) == (2, "reset", {"text": ""})
    assert log.text == ""


@given(st.lists(st.one_of(st.text(max_size=5), st.none()), max_size=30))
def test_the_events_always_add_up_to_the_text(steps: list[str | None]) -> None:
    """None stands for a flush."""
    log, shown, ids = AnswerLog(), "", []
    for step in [*steps, None]:
        if step is not None:
            log.add(step)
        elif (event := log.flush()) is not None:
            shown += event.data["text"]
            ids.append(event.seq)
    assert shown == log.text == "".join(step for step in steps if step)
    assert ids == list(range(1, len(ids) + 1))


def test_tokens_are_counted_on_from_what_is_known() -> None:
    log = AnswerLog("One two", 2, tokens=2)
    log.add(" three")
    log.add(" four")
    event = log.flush()

    assert event is not None
    assert (event.tokens, log.tokens) == (4, 4)
