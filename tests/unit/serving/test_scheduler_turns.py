"""Prompts and decoding sequences by turns: who is in a step, and that nobody is forgotten."""

import pytest

from serving.scheduler.turns import Turns, turns_for
from tests.unit.serving.small_engine import SmallEngine, prompt_of

TALKERS = ["t0", "t1", "t2"]
ALL = dict.fromkeys(TALKERS, 1)


def engine(*, riders=2, enough=8, stretch=16, **others):
    """Three sequences decode; prompts of a step end at 8 rows, those of a stretch at 16."""
    made = SmallEngine(turns=Turns(riders, enough, stretch), budget=16, **others)
    for number, name in enumerate(TALKERS):
        made.add(name, prompt_of(3, seed=number), max_tokens=50)
    while made.step() != ALL:
        pass
    return made


def test_a_prompt_goes_alone_and_decoding_next():
    made = engine()
    made.add("new", prompt_of(9, seed=9), max_tokens=5)
    assert made.step() == {"new": 9}
    assert made.step() == {**ALL, "new": 1}


def test_a_prompt_that_came_during_a_step_is_next():
    made = engine()
    made.add("first", prompt_of(9, seed=8), max_tokens=5)
    assert made.step() == {"first": 9}
    made.add("second", prompt_of(5, seed=9), max_tokens=5)
    assert made.step() == {"second": 5}


def test_prompts_that_come_together_do_not_wait_for_one_another():
    made = engine()
    made.add("a", prompt_of(8, seed=7), max_tokens=5)
    made.add("b", prompt_of(8, seed=8), max_tokens=5)
    assert made.step() == {"a": 8}
    assert made.step() == {"b": 8}


def test_small_prompts_share_a_step_until_it_is_worth_its_weights():
    made = engine()
    for number in range(4):
        made.add(f"p{number}", prompt_of(3, seed=5 + number), max_tokens=5)
    assert made.step() == {"p0": 3, "p1": 3, "p2": 3}
    assert made.step() == {"p3": 3}


def test_a_step_takes_no_more_than_its_budget_however_much_would_be_enough():
    made = engine(enough=40, stretch=40)
    made.add("a", prompt_of(16, seed=7), max_tokens=5)
    made.add("b", prompt_of(9, seed=8), max_tokens=5)
    assert made.step() == {"a": 16}
    assert made.step() == {"b": 9}


def test_decoding_has_its_turn_after_a_stretch_of_prompts():
    made = engine()
    for number in range(4):
        made.add(f"p{number}", prompt_of(8, seed=5 + number), max_tokens=5)
    steps = [made.step() for _ in range(4)]
    assert steps[:2] == [{"p0": 8}, {"p1": 8}]
    assert steps[2] == {**ALL, "p0": 1, "p1": 1}
    assert steps[3] == {"p2": 8}


def test_between_two_pieces_of_a_long_prompt_decoding_has_its_turn():
    made = engine(share=0.25)
    made.add("long", prompt_of(40, seed=9), max_tokens=5)
    steps = [made.step() for _ in range(6)]
    assert steps == [{"long": 4}, ALL] * 3


def test_a_short_prompt_goes_with_a_piece_of_a_long_one():
    made = engine(share=0.25)
    made.add("long", prompt_of(40, seed=8), max_tokens=5)
    made.add("short", prompt_of(6, seed=9), max_tokens=5)
    assert made.step() == {"long": 4, "short": 6}


def test_few_decoding_sequences_ride_along():
    made = engine(riders=3)
    made.add("new", prompt_of(9, seed=9), max_tokens=5)
    assert made.step() == {**ALL, "new": 9}


def test_who_cannot_start_takes_nobodys_turn():
    made = engine(max_num_seqs=3)
    made.add("new", prompt_of(9, seed=9), max_tokens=5)
    assert [made.step() for _ in range(3)] == [ALL] * 3


def test_who_finds_no_blocks_takes_nobodys_turn():
    made = engine(num_blocks=8)
    made.add("new", prompt_of(16, seed=9), max_tokens=1)
    assert [made.step() for _ in range(3)] == [ALL] * 3


@pytest.mark.parametrize("num_blocks", [60, 21])
def test_everybody_ends_with_what_it_would_have_alone(num_blocks):
    prompts = {f"p{number}": prompt_of(3 + 5 * number, seed=number) for number in range(6)}
    alone = {}
    for name, prompt in prompts.items():
        one = SmallEngine()
        one.add(name, prompt, max_tokens=12)
        one.run()
        alone |= one.outputs
    together = SmallEngine(turns=Turns(2, 8, 16), budget=16, num_blocks=num_blocks)
    for name, prompt in prompts.items():
        together.add(name, prompt, max_tokens=12)
    together.run()
    assert together.outputs == alone


def test_a_gpu_takes_everybody_at_once():
    turns = turns_for("cuda", 8192)
    assert turns.choose(500, prompts=True) is turns.choose(0, prompts=True)
