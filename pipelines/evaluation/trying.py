"""A suite held against an endpoint: every prompt asked greedily, every last answer checked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from pipelines.errors import StagingError
from pipelines.evaluation.asking import invoke_patiently
from pipelines.evaluation.checks import Answer, problems
from pipelines.evaluation.suite import Prompt, Suite
from pipelines.speed.workload import Message
from pipelines.target.errors import Refused
from pipelines.target.interface import Body, Target

AT_A_TIME = 4
SHOWN = 300  # characters of an answer that the report keeps
SERVER_FAILED = 500


@dataclass(frozen=True)
class Result:
    """One prompt: what it was answered, and what is wrong with that."""

    prompt: str
    question: str
    answer: str
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every check held."""
        return not self.problems


@dataclass(frozen=True)
class SuiteResult:
    """One suite, its prompts in their order."""

    suite: Suite
    results: tuple[Result, ...]

    @property
    def passed(self) -> int:
        """How many prompts held."""
        return sum(one.passed for one in self.results)

    @property
    def share(self) -> float:
        """Of all prompts, those that held."""
        return self.passed / len(self.results)


def try_suite(target: Target, suite: Suite, done: Callable[[], None] = lambda: None) -> SuiteResult:
    """Ask all prompts, a few at a time; `done` is called after each.

    Raises:
        StagingError: the endpoint fails. A prompt that it refuses has merely not passed.
    """

    def ask(prompt: Prompt) -> Result:
        result = try_prompt(target, prompt)
        done()
        return result

    with ThreadPoolExecutor(max_workers=AT_A_TIME) as pool:
        return SuiteResult(suite, tuple(pool.map(ask, suite.prompts)))


def try_prompt(target: Target, prompt: Prompt) -> Result:
    """The whole talk of one prompt, and what its last answer is worth.

    Raises:
        StagingError: the endpoint fails.
    """
    messages: list[Message] = []
    if prompt.system:
        messages.append({"role": "system", "content": prompt.system})
    answer = Answer("", "")
    try:
        for turn in prompt.turns:
            messages.append({"role": "user", "content": turn})
            answer = read_answer(invoke_patiently(target, _body(messages, prompt.max_tokens)))
            messages.append({"role": "assistant", "content": answer.text})
    except Refused as error:
        if error.status >= SERVER_FAILED:
            raise
        return Result(prompt.name, prompt.turns[-1], "", (f"the endpoint refuses it: {error}",))
    found = tuple(problems(answer, prompt.checks))
    return Result(prompt.name, prompt.turns[-1], answer.text[:SHOWN], found)


def read_answer(content: dict[str, Any]) -> Answer:
    """Text and end of a chat completion.

    Raises:
        StagingError: it is none.
    """
    try:
        choice = content["choices"][0]
        text, reason = choice["message"]["content"], choice["finish_reason"]
    except (LookupError, TypeError) as error:
        raise StagingError("the endpoint's answer is no chat completion") from error
    return Answer(str(text or ""), str(reason))


def _body(messages: list[Message], max_tokens: int) -> Body:
    return {"messages": list(messages), "max_tokens": max_tokens, "temperature": 0.0}
