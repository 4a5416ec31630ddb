from __future__ import annotations

import pytest

from benchmarks.scenarios import NAMES, scenarios
from pipelines.speed.workload import WorkloadSettings

CHAT = WorkloadSettings()


def test_the_chat_is_the_one_that_was_asked_for() -> None:
    (chat,) = scenarios(["chat"], CHAT, quick=False)
    assert chat.workload.settings == CHAT


def test_scenarios_come_in_their_own_order_whatever_was_written() -> None:
    assert [one.name for one in scenarios(["at 4", "burst", "chat"], CHAT, quick=False)] == [
        *("chat", "burst", "at 4")
    ]


def test_no_two_prompts_of_a_burst_begin_alike() -> None:
    (burst,) = scenarios(["burst"], CHAT, quick=False)
    beginnings = {script.questions[0][:60] for script in burst.workload.scripts}
    assert len(beginnings) == len(burst.workload.scripts) == 32
    assert burst.workload.settings.new_tokens == 8


def test_the_long_prompt_alone_comes_late() -> None:
    (long,) = scenarios(["long"], CHAT, quick=False)
    *others, last = long.workload.scripts
    assert len(others) == 15
    assert last.late
    assert not any(script.late for script in others)
    assert len(last.questions[0].split()) > 3000


def test_scenarios_share_no_question_with_the_chat_or_each_other() -> None:
    found = scenarios(NAMES, CHAT, quick=False)
    asked = [text for one in found for script in one.workload.scripts for text in script.questions]
    assert len(asked) == len(set(asked))


def test_a_quick_run_is_small_everywhere() -> None:
    for one in scenarios(NAMES, WorkloadSettings(sessions=2, turns=1), quick=True):
        assert one.workload.settings.sessions <= 3


@pytest.mark.parametrize("names", [[], ["at 3"], ["chat", "nothing"]])
def test_a_wrong_choice_names_the_right_ones(names: list[str]) -> None:
    with pytest.raises(ValueError, match=r"chat, single, burst, long, at 1, at 4"):
        scenarios(names, CHAT, quick=False)
