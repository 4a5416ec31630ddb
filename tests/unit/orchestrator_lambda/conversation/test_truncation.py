"""The prompt's beginning stays: it moves seldom, and then far."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_lambda.conversation.model import ROOT, Cut, Message, MessageStatus, Role
from orchestrator_lambda.conversation.prompt import build_prompt
from orchestrator_lambda.conversation.truncation import WaterMarks, message_tokens, place_cut
from orchestrator_lambda.errors import ContextLengthExceeded, InvalidRequest

MARKS = WaterMarks(high=400, low=200)


def message(seq: int, text: str, tokens: int | None = None) -> Message:
    return Message(
        seq=seq,
        parent=seq - 1,
        role=Role.USER if seq % 2 else Role.ASSISTANT,
        text=text,
        status=MessageStatus.COMPLETE,
        created_ms=0,
        tokens=tokens,
    )


def talk(*sizes: int) -> list[Message]:
    return [message(seq, f"{seq}:" + "x" * size, size) for seq, size in enumerate(sizes, 1)]


def prompts(sizes: list[int], system: str = "") -> list[tuple[Cut, list[tuple[str, str]]]]:
    """Cut and prompt of each turn of a conversation."""
    branch, cut, found = talk(*sizes), Cut(), []
    for end in range(1, len(branch) + 1, 2):
        cut = place_cut(branch[:end], cut, system, MARKS)
        found.append((cut, build_prompt(system, cut, branch[:end])))
    return found


@given(st.lists(st.integers(1, 120), min_size=1, max_size=60), st.sampled_from(["", "Be brief."]))
def test_while_the_cut_stays_every_prompt_begins_with_the_one_before(
    sizes: list[int], system: str
) -> None:
    turns = prompts(sizes, system)
    for (cut, prompt), (next_cut, next_prompt) in pairwise(turns):
        if cut == next_cut:
            assert next_prompt[: len(prompt)] == prompt


@given(st.lists(st.integers(1, 120), min_size=1, max_size=60))
def test_no_prompt_is_over_the_high_mark_and_a_cut_goes_down_to_the_low_one(
    sizes: list[int],
) -> None:
    branch, cut = talk(*sizes), Cut()
    for end in range(1, len(branch) + 1, 2):
        before, cut = cut, place_cut(branch[:end], cut, "", MARKS)
        kept = [one for one in branch[:end] if one.seq > cut.seq]
        total = sum(message_tokens(one, MARKS) for one in kept)
        assert total <= MARKS.high
        assert kept[0].role is Role.USER
        if cut != before:
            assert total <= MARKS.low or len(kept) <= 1


def test_the_cut_moves_seldom() -> None:
    cuts = [cut for cut, _ in prompts([20] * 60)]
    moves = sum(1 for one, other in pairwise(cuts) if one != other)

    assert 0 < moves <= len(cuts) / 3


def test_the_newest_message_is_never_cut_away() -> None:
    with pytest.raises(ContextLengthExceeded, match="400 are allowed"):
        place_cut(talk(10, 10, 500), Cut(), "", MARKS)


def test_a_summary_stands_at_the_end_of_the_system_prompt_and_counts() -> None:
    branch = talk(10, 10, 10)
    cut = Cut(seq=2, summary="They greeted.")

    assert place_cut(branch, cut, "Be brief.", MARKS) == cut
    role, content = build_prompt("Be brief.", cut, branch)[0]
    assert role == "system"
    assert content.startswith("Be brief.\n\n")
    assert content.endswith("They greeted.")
    with pytest.raises(ContextLengthExceeded):
        place_cut(branch, replace(cut, summary="x" * 2_000), "", MARKS)


def test_a_branch_that_forked_off_before_the_cut_begins_anew() -> None:
    assert place_cut(talk(10, 10, 10), Cut(seq=8, summary="of another branch"), "", MARKS) == Cut()


def test_an_answer_that_came_to_nothing_is_left_out_with_its_question() -> None:
    branch = [message(1, "a?"), message(2, ""), message(3, "b?")]

    assert build_prompt("", Cut(), branch) == [("user", "b?")]


def test_a_text_nobody_counted_is_estimated_on_the_high_side() -> None:
    assert message_tokens(message(1, "x" * 300), MARKS) > 100


@pytest.mark.parametrize(("low", "high"), [(0, 10), (10, 10), (20, 10)])
def test_marks_that_make_no_sense_are_refused(low: int, high: int) -> None:
    with pytest.raises(InvalidRequest):
        WaterMarks(low=low, high=high)


def test_nothing_is_cut_from_a_short_talk() -> None:
    assert place_cut(talk(10), Cut(), "", MARKS).seq == ROOT
