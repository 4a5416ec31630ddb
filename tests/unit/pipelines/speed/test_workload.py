from __future__ import annotations

import subprocess
import sys

import pytest

from pipelines.speed.workload import ChatWorkload, Conversation, WorkloadSettings, chat_workload
from pipelines.speed.workload_text import SYSTEM_PROMPT

DEFAULT = chat_workload(WorkloadSettings())


def all_questions(workload: ChatWorkload) -> list[str]:
    return [question for script in workload.scripts for question in script.questions]


def test_the_default_is_16_sessions_of_4_turns_with_64_tokens() -> None:
    assert [len(script.questions) for script in DEFAULT.scripts] == [4] * 16
    assert DEFAULT.settings.total_tokens == 16 * 4 * 64


def test_equal_settings_give_equal_workloads() -> None:
    assert chat_workload(WorkloadSettings(seed=7)) == chat_workload(WorkloadSettings(seed=7))


def test_another_interpreter_with_another_hash_seed_gives_the_same_words() -> None:
    program = (
        "from pipelines.speed.workload import *; "
        "print(chat_workload(WorkloadSettings()).scripts[15].questions[3])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == DEFAULT.scripts[15].questions[3]


def test_another_seed_gives_other_questions() -> None:
    other = chat_workload(WorkloadSettings(seed=1))
    assert not set(all_questions(other)) & set(all_questions(DEFAULT))


def test_no_question_is_asked_twice() -> None:
    questions = all_questions(chat_workload(WorkloadSettings(sessions=64, turns=8)))
    assert len(set(questions)) == len(questions) == 512


def test_a_script_does_not_depend_on_how_many_others_there_are() -> None:
    assert chat_workload(WorkloadSettings(sessions=64)).scripts[:16] == DEFAULT.scripts


def test_prompts_have_the_length_that_is_promised() -> None:
    # 255 tokens and 45 to 65 tokens of the default model; words are counted to need no model.
    assert len(SYSTEM_PROMPT.split()) == 224
    lengths = [len(question.split()) for question in all_questions(DEFAULT)]
    assert min(lengths) >= 35
    assert max(lengths) <= 60


def test_no_slot_is_left_unfilled() -> None:
    assert not [question for question in all_questions(DEFAULT) if set("{}") & set(question)]


def test_the_history_holds_the_models_own_answers_and_earlier_messages_stay_as_they_were() -> None:
    script = DEFAULT.scripts[3]
    talk = Conversation.begin(DEFAULT, script)
    first = talk.ask(0)
    talk.answer("My own words. ")
    second = talk.ask(1)
    assert [message["role"] for message in second] == ["system", "user", "assistant", "user"]
    assert second[: len(first)] == first == first[:2]
    assert second[2]["content"] == "My own words. "
    assert second[3]["content"] == script.questions[1]


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"sessions": 0}, "sessions"),
        ({"turns": -1}, "turns"),
        ({"new_tokens": 0}, "new_tokens"),
        ({"think_seconds": -0.1}, "think_seconds"),
        ({"think_seconds": float("nan")}, "think_seconds"),
    ],
)
def test_a_senseless_size_is_refused_by_name(wrong: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=name):
        WorkloadSettings(**wrong)  # type: ignore[arg-type]
