from __future__ import annotations

from typing import Any

import pytest

from pipelines.errors import StagingError
from pipelines.evaluation.asking import PAUSES_S, invoke_patiently
from pipelines.evaluation.checks import make_check
from pipelines.evaluation.suite import Prompt, Suite
from pipelines.evaluation.trying import try_prompt, try_suite
from pipelines.target.errors import Refused, TargetError, Unreachable
from pipelines.target.interface import Body
from tests.support.scripted_target import ScriptedTarget, chat_answer


def prompt(*turns: str, system: str = "", contains: str = "yes") -> Prompt:
    checks = {"contains": make_check("contains", contains)}
    return Prompt("p " + turns[0], turns, system, 40, checks)


def failing(*errors: TargetError) -> ScriptedTarget:
    """An endpoint that raises these one after another, then answers."""
    left = list(errors)

    def answer(body: Body) -> dict[str, Any]:
        if left:
            raise left.pop(0)
        return chat_answer("yes")

    return ScriptedTarget(answer)


def test_the_last_answer_is_checked_and_the_models_own_words_stand_between() -> None:
    target = ScriptedTarget(lambda body: chat_answer(f"yes, {len(body['messages'])}"))
    result = try_prompt(target, prompt("one", "two", system="Be brief.", contains="yes, 4"))
    assert result.passed
    said = [(one["role"], one["content"]) for one in target.asked[-1]["messages"]]
    assert said == [
        ("system", "Be brief."), ("user", "one"), ("assistant", "yes, 2"), ("user", "two"),
    ]  # fmt: skip
    assert (target.asked[0]["temperature"], target.asked[0]["max_tokens"]) == (0.0, 40)


def test_a_suite_is_worth_the_share_of_prompts_that_pass() -> None:
    target = ScriptedTarget(
        lambda body: chat_answer("yes" if body["messages"][0]["content"] == "a" else "no")
    )
    suite = Suite("s", "d", (prompt("a"), prompt("b"), prompt("c"), prompt("a", "a")))
    tried = try_suite(target, suite)
    assert (tried.passed, tried.share) == (2, 0.5)
    assert [one.prompt for one in tried.results] == ["p a", "p b", "p c", "p a"]
    assert tried.results[1].problems == ("contains: it has none of 'yes'",)


def test_a_prompt_that_is_refused_has_not_passed_and_the_rest_goes_on() -> None:
    result = try_prompt(failing(Refused(400, "too long")), prompt("a"))
    assert result.problems == ("the endpoint refuses it: HTTP 400: too long",)


def test_a_server_that_fails_ends_the_evaluation() -> None:
    with pytest.raises(TargetError, match="HTTP 500"):
        try_prompt(failing(Refused(500, "dead")), prompt("a"))


def test_an_answer_that_is_none_ends_the_evaluation() -> None:
    with pytest.raises(StagingError, match="no chat completion"):
        try_prompt(ScriptedTarget(lambda body: {"choices": []}), prompt("a"))


def test_a_busy_endpoint_is_asked_again() -> None:
    pauses: list[float] = []
    target = failing(Refused(429, "full"), Unreachable("away"), Refused(503, "loading"))
    assert invoke_patiently(target, {}, pauses.append) == chat_answer("yes")
    assert pauses == [0.5, 1.0, 2.0]


def test_patience_ends() -> None:
    target = failing(*[Refused(429, "full")] * (len(PAUSES_S) + 1))
    with pytest.raises(Refused, match="full"):
        invoke_patiently(target, {}, lambda seconds: None)
