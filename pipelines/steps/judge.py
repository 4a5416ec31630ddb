"""Step 4 of a local run: may it be registered? In the cloud, functions/judge.py does the same.

    python -m pipelines.steps.judge --input DIR --output DIR --registry FOLDER --against latest

Writes gates.json, card.json, report.md, report.html and its plots; 1 when a gate refuses.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.documents import read_document
from pipelines.gates.limits import GateLimits
from pipelines.judging import LATEST, NEEDED, find_previous, judge_run
from pipelines.registry.folder import FolderRegistry
from pipelines.steps.running import Refused, run_step


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pipelines.steps.judge", description=__doc__)
    add = made.add_argument
    add("--input", type=Path, required=True, help="folder of the earlier steps' documents")
    add("--output", type=Path, required=True, help="folder of the report")
    add("--registry", type=Path, required=True, help="folder of the versions")
    add("--against", default=LATEST, help="latest (approved), none, or a version's number")
    add("--settings", type=Path, help="file with [gates] (default: keepwarm.toml, if there is one)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Judge; see running.py for the exit code."""
    options = parser().parse_args(arguments)
    return run_step(lambda: judge(options))


def judge(options: argparse.Namespace) -> None:
    """Read the documents, hold them against the limits, write the report.

    Raises:
        Refused: a gate refuses.
        PipelineError: a document, a limit or the version to compare with cannot be used.
    """
    limits = GateLimits.load(options.settings, os.environ)
    previous = find_previous(FolderRegistry(options.registry), options.against)
    documents = {name: read_document(options.input / name) for name in NEEDED}
    judged = judge_run(documents, previous, limits)
    options.output.mkdir(parents=True, exist_ok=True)
    for name, text in judged.files.items():
        (options.output / name).write_text(text, encoding="utf-8")
    if not judged.passed:
        raise Refused("; ".join(judged.gates["reasons"]))


if __name__ == "__main__":
    sys.exit(main())
