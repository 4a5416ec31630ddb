"""Measure speculation: the same requests with and without drafts, in turn, in one process.

    python -m benchmarks.speculation                       concurrency 1, 2, 4, 16, three rounds
    python -m benchmarks.speculation --concurrency 1,4
    python -m benchmarks.speculation --cold                with the time that prompts take

Prints one line for each kind of prompt and concurrency: the median of the rounds' ratios of output
tokens/s, on to off. Prompts are in the KV cache, as the text to edit is in a conversation, unless
--cold. Exits with 1 if a greedy answer differs between the two.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.speculation_prompts import COPY, ORDINARY
from cli.default_model import default_model_folder
from serving.config import EngineConfig, SchedulerConfig
from serving.engine.build import build_core
from serving.engine.core import Core
from serving.request import EngineRequest
from serving.sampling_params import SamplingParams
from serving.tokenizer import Tokenizer

_KINDS = {"copy-heavy": COPY, "ordinary": ORDINARY}
_SIDES = ("off", "auto")


@dataclass(frozen=True)
class Run:
    """One pass over all prompts of a kind."""

    seconds: float
    answers: list[list[int]]
    drafted: int
    accepted: int

    @property
    def rate(self) -> float:
        """Output tokens a second."""
        return sum(map(len, self.answers)) / self.seconds


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.speculation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--model", help="model folder (default: the default model)")
    made.add_argument("--concurrency", default="1,2,4,16", help="default: %(default)s")
    made.add_argument("--new-tokens", type=int, default=128, help="default: %(default)s")
    made.add_argument("--rounds", type=int, default=3, help="default: %(default)s")
    made.add_argument("--cold", action="store_true", help="no prompt is in the cache")
    made.add_argument("--temperature", type=float, default=0.0, help="default: greedy")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what the command line asks for."""
    options = parser().parse_args(arguments)
    folder = str(options.model or default_model_folder())
    cores = {side: _core(folder, side) for side in _SIDES}
    tokenizer = Tokenizer(folder)
    salts = itertools.count()
    differ = False
    print(
        "| prompts | at once | on / off | lowest | on, tokens/s | accepted / drafted | same text |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for kind, at_once in itertools.product(_KINDS, map(int, options.concurrency.split(","))):
        prompts = [_render(tokenizer, text) for text in _KINDS[kind]]
        rounds: list[dict[str, Run]] = []
        for number in range(options.rounds):
            order = _SIDES if number % 2 else _SIDES[::-1]
            salt = f"{next(salts)}"
            rounds.append({it: _run(cores[it], prompts, at_once, salt, options) for it in order})
        same = all(it["off"].answers == it["auto"].answers for it in rounds)
        differ |= not same
        print(_line(kind, at_once, rounds, same), flush=True)
    return int(differ and options.temperature == 0)


def _core(folder: str, speculation: str) -> Core:
    scheduler = SchedulerConfig(speculation=speculation)
    core, _ = build_core(EngineConfig(model=folder, scheduler=scheduler), lambda phase: None)
    return core


def _render(tokenizer: Tokenizer, text: str) -> list[int]:
    return tokenizer.encode(tokenizer.render_chat([{"role": "user", "content": text}]))


def _run(
    core: Core, prompts: list[list[int]], at_once: int, salt: str, options: argparse.Namespace
) -> Run:
    """All prompts, `at_once` of them at a time; often enough to fill one batch."""
    wanted = prompts * max(1, at_once // len(prompts))
    named = [(f"{salt}-{number}", prompt) for number, prompt in enumerate(wanted)]
    if not options.cold:
        _ask(core, named, SamplingParams(max_tokens=0))
    sampling = SamplingParams(
        max_tokens=options.new_tokens, temperature=options.temperature, seed=len(named)
    )
    before = core.stats()
    started = time.perf_counter()
    answers: list[list[int]] = []
    for first in range(0, len(named), at_once):
        answers += _ask(core, named[first : first + at_once], sampling)
    seconds = time.perf_counter() - started
    after = core.stats()
    return Run(
        seconds,
        answers,
        after.drafted_tokens - before.drafted_tokens,
        after.accepted_tokens - before.accepted_tokens,
    )


def _ask(
    core: Core, named: list[tuple[str, list[int]]], sampling: SamplingParams
) -> list[list[int]]:
    """All of them at once; the answers in order. Each has a salt of its own: they share nothing."""
    for name, prompt in named:
        core.add(
            EngineRequest(
                request_id=name, prompt_token_ids=prompt, sampling=sampling, cache_salt=name
            )
        )
    answers: dict[str, list[int]] = {name: [] for name, _ in named}
    while core.has_work:
        for delta in core.step():
            answers[delta.request_id] += delta.token_ids
    return list(answers.values())


def _line(kind: str, at_once: int, rounds: list[dict[str, Run]], same: bool) -> str:
    ratios = [it["auto"].rate / it["off"].rate for it in rounds]
    on = [it["auto"] for it in rounds]
    cells = (
        kind,
        str(at_once),
        f"{statistics.median(ratios):.2f}",
        f"{min(ratios):.2f}",
        f"{statistics.median(run.rate for run in on):.1f}",
        f"{sum(run.accepted for run in on)} / {sum(run.drafted for run in on)}",
        "yes" if same else "no",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())
