"""Step 2: how well does the endpoint answer?

    python -m pipelines.steps.evaluate --endpoint NAME|http://host:port --output DIR

Writes evaluation.json. Passing is for the judge to say.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.documents import EVALUATION, write_document
from pipelines.evaluation import document
from pipelines.evaluation.perplexity import measure_perplexity
from pipelines.evaluation.sample import digest, shipped_sample
from pipelines.evaluation.suite import Suite, load_suites
from pipelines.evaluation.trying import SuiteResult, try_suite
from pipelines.steps.running import DEFAULT_OUTPUT, Stages, run_step
from pipelines.target.choose import target_of
from pipelines.target.interface import Target

ATTEMPTS = 6  # of one call at SageMaker


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pipelines.steps.evaluate", description=__doc__)
    add = made.add_argument
    add("--endpoint", required=True, help="a SageMaker endpoint's name, or http://host:port")
    add("--output", type=Path, default=DEFAULT_OUTPUT, help="folder of the documents")
    add("--suite", type=Path, action="append", default=[], help="one more suite; may be repeated")
    add("--quick", action="store_true", help="a third of text and prompts: does it work at all")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Evaluate; see running.py for the exit code."""
    options = parser().parse_args(arguments)
    return run_step(lambda: evaluate(options))


def evaluate(options: argparse.Namespace) -> None:
    """Read the text, ask the suites, write it down.

    Raises:
        PipelineError: a suite is malformed, or the endpoint fails.
    """
    suites = load_suites(options.suite, quick=options.quick)
    passages = shipped_sample(quick=options.quick)
    target = target_of(options.endpoint, attempts=ATTEMPTS)
    stages = Stages(len(passages) + sum(len(suite.prompts) for suite in suites))
    read = measure_perplexity(target, passages, lambda: stages.advance("reading the text"))
    tried = [_try(target, suite, stages) for suite in suites]
    content = document.render(target.name, digest(passages), read, tried)
    write_document(options.output / EVALUATION, content)


def _try(target: Target, suite: Suite, stages: Stages) -> SuiteResult:
    return try_suite(target, suite, lambda: stages.advance(f"asking suite {suite.name}"))


if __name__ == "__main__":
    sys.exit(main())
