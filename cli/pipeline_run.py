"""`keepwarm pipeline run --local`: try weights by the pipeline's real steps, on this machine."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cli.default_model import ensure_default_model
from cli.errors import CliError
from cli.pipeline_report import as_json, print_result
from cli.progress import Reporter
from cli.server_process import ServerProcess

if TYPE_CHECKING:
    from pipelines.local_run.run import LocalRequest, LocalResult, Staging
    from pipelines.local_run.script import Tell

PASSED, REFUSED, CANNOT_RUN = 0, 1, 2
REGISTRY = "keepwarm-registry"
TITLES = {
    "validate": "1/5 Validating the weights",
    "evaluate": "2/5 Evaluating: text and prompts",
    "benchmark": "3/5 Measuring speed",
    "judge": "4/5 Judging",
    "register": "5/5 Registering",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What `run` takes."""
    add = parser.add_argument
    add("--local", action="store_true", help="on this machine (in the account: pipeline start)")
    add("--weights", metavar="PATH", help="a model folder (default: the default model)")
    add("--registry", default=REGISTRY, metavar="FOLDER", help="versions and reports")
    add(
        "--against",
        default="latest",
        metavar="VERSION",
        help="a version to compare with, or none (default: the latest that was approved)",
    )
    add("--suite", action="append", default=[], metavar="FILE", help="more prompts; repeatable")
    add("--quick", action="store_true", help="little text, few prompts, short answers")
    add("--levels", default="", metavar="1,4,16", help="conversations at a time, ascending")
    add("--approve", action="store_true", help="approve the version if the gates let it through")
    add("--instance", metavar="TYPE", help="what the plan is made for (default: as deployed)")
    add("--context", type=int, default=0, metavar="TOKENS", help="of a session, for the plan")
    add("--license", default="", metavar="NAME", help="the licence, such as apache-2.0")
    add("--settings", metavar="FILE", help="[deployment] and [gates] (default: keepwarm.toml)")
    add("--json", action="store_true", help="print the outcome as JSON")


def pipeline_run(args: argparse.Namespace) -> int:
    """Try, report; 0 passed and registered, 1 refused, 2 it could not run."""
    from pipelines.errors import PipelineError
    from pipelines.local_run.run import run_locally

    if not args.local:
        raise CliError(
            "pipeline run is for this machine: say --local; `keepwarm pipeline start` runs it in "
            "the account",
            exit_code=CANNOT_RUN,
        )
    reporter = Reporter()
    try:
        request = _request(args, reporter)
        result = run_locally(request, _server(request.weights, reporter), _Watch(reporter))
    except PipelineError as error:
        raise CliError(str(error), exit_code=CANNOT_RUN) from error
    except CliError as error:
        raise CliError(str(error), exit_code=CANNOT_RUN) from error
    _show(result, args.json)
    return PASSED if result.passed else REFUSED


def _request(args: argparse.Namespace, reporter: Reporter) -> LocalRequest:
    from pipelines.local_run.run import LocalRequest
    from pipelines.settings import DeploymentSettings

    file = Path(args.settings) if args.settings else None
    settings = DeploymentSettings.load(file, os.environ, instance=args.instance)
    suites = tuple(Path(path).expanduser() for path in args.suite)
    registry = Path(args.registry).expanduser().absolute()
    _check(args, settings.instance, file, suites, registry)
    weights = _weights(args.weights, reporter)
    return LocalRequest(
        weights=weights,
        output=_output(registry, weights),
        registry=registry,
        image=_image(),
        instance=settings.instance,
        context=args.context,
        suites=suites,
        against=args.against,
        settings=file,
        quick=args.quick,
        levels=args.levels,
        approve=args.approve or settings.approval == "auto",
        licence=args.license,
    )


def _check(
    args: argparse.Namespace,
    instance: str,
    file: Path | None,
    suites: tuple[Path, ...],
    registry: Path,
) -> None:
    """What cannot be is told now, and not by a step after minutes.

    Raises:
        PipelineError: a limit, a suite, a level, the instance type or the version is none.
    """
    from pipelines.evaluation.suite import load_suites
    from pipelines.gates.limits import GateLimits
    from pipelines.judging import find_previous
    from pipelines.plan.instances import catalogue
    from pipelines.registry.folder import FolderRegistry
    from pipelines.speed.levels import speed_plan

    GateLimits.load(file, os.environ)
    load_suites(list(suites), quick=args.quick)
    speed_plan(args.levels, quick=args.quick)
    find_previous(FolderRegistry(registry), args.against)
    if len(catalogue().select([instance])) != 1:
        raise CliError(f"--instance must name one type, and {instance!r} names several")


def _weights(given: str | None, reporter: Reporter) -> Path:
    """The folder; what is wrong inside it is for the first step to say."""
    if given is None:
        return ensure_default_model(reporter)
    folder = Path(given).expanduser().absolute()
    if not folder.is_dir():
        raise CliError(f"--weights must be a model folder, and {folder} is none")
    return folder


def _output(registry: Path, weights: Path) -> Path:
    """A folder of its own for each run; names sort by time."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{weights.name}"
    output = registry / "runs" / name
    number = 2
    while output.exists():
        output = registry / "runs" / f"{name}-{number}"
        number += 1
    output.mkdir(parents=True)
    return output


def _image() -> str:
    """What stands for the image here: the fingerprint of the sources that serve."""
    from container.image.fingerprint import fingerprint

    try:
        return f"local:{fingerprint()}"
    except OSError:  # an installed package has no Dockerfile beside it
        return "local:unknown"


def _server(model: Path, reporter: Reporter) -> Staging:
    @contextmanager
    def staging() -> Iterator[str]:
        with ServerProcess(model, reporter) as server:
            server.wait_ready()
            yield server.url

    return staging


class _Watch:
    """A bar for each step; the server shows its own."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    @contextmanager
    def step(self, name: str) -> Iterator[Tell]:
        if name not in TITLES:
            yield lambda share, text: None
            return
        with self._reporter.task(TITLES[name]) as task:
            yield lambda share, text: task.update(share)


def _show(result: LocalResult, json_wanted: bool) -> None:
    if json_wanted:
        print(json.dumps(as_json(result), indent=2))
    else:
        print_result(result)
