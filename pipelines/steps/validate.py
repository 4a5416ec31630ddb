"""Step 1: is the artifact fit to be loaded, and does it fit on the instance?

    python -m pipelines.steps.validate --model DIR --output DIR --instance ml.g6e.2xlarge

Writes check.json, and for an accepted artifact manifest.json and plan.json.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.documents import CHECK, MANIFEST, PLAN, write_document
from pipelines.errors import ArtifactError, SettingsError
from pipelines.steps.running import DEFAULT_OUTPUT, Progress, Refused, run_step, stage

if TYPE_CHECKING:
    from pipelines.model.report import Report
    from pipelines.plan.instances import Instance

DEFAULT_MODEL = Path("/opt/ml/processing/model")
CHECKED = 0.8  # of the step's time, about
MOST_SAID = 5


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pipelines.steps.validate", description=__doc__)
    add = made.add_argument
    add("--model", type=Path, default=DEFAULT_MODEL, help="folder of the artifact")
    add("--output", type=Path, default=DEFAULT_OUTPUT, help="folder of the documents")
    add("--instance", required=True, metavar="TYPE", help="what it shall be served on")
    add("--context", type=int, default=0, help="tokens of a session (default: 8192 at most)")
    add("--name", default="", help="of the model (default: its folder's)")
    add("--license", default="", help="the licence, such as apache-2.0")
    add("--allow-license", action="append", default=[], help="allow this one too")
    add("--unsealed", action="store_true", help="an outdated manifest.json is only a warning")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Validate; see running.py for the exit code."""
    options = parser().parse_args(arguments)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    return run_step(lambda: validate(options))


def validate(options: argparse.Namespace) -> None:
    """Check, then plan.

    Raises:
        Refused: the artifact is not fit, or does not fit.
        PipelineError: it cannot be read, or there is no such instance type.
    """
    report, manifest = _check(options)
    document = {**report.as_json(), "artifact": _name(options)}
    write_document(options.output / CHECK, document)
    if report.refused:
        raise Refused(_why(report))
    stage(CHECKED, "planning")
    (options.output / MANIFEST).write_bytes(manifest)
    write_document(options.output / PLAN, _plan(options, report.sha256))
    stage(1.0, "validated")


def _check(options: argparse.Namespace) -> tuple[Report, bytes]:
    from pipelines.model.check import CheckOptions, check
    from pipelines.model.sources import local_source

    if not options.model.is_dir():
        raise ArtifactError(f"{options.model} is no folder; an artifact is checked unpacked")
    wanted = CheckOptions(
        licence=options.license,
        allowed_licences=frozenset(options.allow_license),
        sealed=not options.unsealed,
    )
    progress = Progress()

    def tell(path: str, done: int, total: int) -> None:
        progress.tell(CHECKED * min(done / total, 1.0) if total else 0.0, f"reading {path}")

    return check(local_source(options.model), wanted, tell)


def _plan(options: argparse.Namespace, sha256: str) -> dict[str, object]:
    """The plan as a document.

    Raises:
        Refused: it does not fit there, or the image does not start there.
    """
    from pipelines.plan.document import render
    from pipelines.plan.footprint import footprint
    from pipelines.plan.identity import Identity
    from pipelines.plan.instances import catalogue
    from pipelines.plan.plan import plan_instance
    from pipelines.plan.wishes import Wishes

    wishes = Wishes(context=options.context)
    instance = _one(catalogue().select([options.instance]))
    measured = footprint(options.model)
    plan = plan_instance(measured, instance, wishes)
    if not plan.fits:
        raise Refused(
            f"{_name(options)} does not fit on {instance.name}: less than one session of "
            f"{options.context or 'the usual'} tokens stays beside the weights"
        )
    if not plan.usable:
        raise Refused(f"the image does not start on {instance.name}: {plan.preflight.message}")
    return render(Identity(_name(options), sha256), measured, [plan], wishes)


def _one(instances: list[Instance]) -> Instance:
    if len(instances) != 1:
        raise SettingsError("--instance must name one instance type, not a family of them")
    return instances[0]


def _name(options: argparse.Namespace) -> str:
    return options.name or options.model.resolve().name or "model"


def _why(report: Report) -> str:
    failed = [one for one in report.findings if one.status == "failed"]
    said = "; ".join(f"{one.check}: {one.message}" for one in failed[:MOST_SAID])
    more = f"; and {len(failed) - MOST_SAID} more" if len(failed) > MOST_SAID else ""
    return f"the artifact is refused: {said}{more}"


if __name__ == "__main__":
    sys.exit(main())
