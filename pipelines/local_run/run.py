"""The pipeline's steps in order on this machine.

    validate -> staging -> evaluate -> benchmark -> judge -> register
       |                                              |
       '-- refused                                    '-- refused: report, nothing registered

The staging endpoint is given by the caller: a server of our own, in a block that ends it whatever
happens, as the cloud's teardown does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pipelines.documents import CHECK, GATES, PLAN, read_document
from pipelines.errors import PipelineError
from pipelines.judging import INDEX
from pipelines.local_run.script import Tell, run_script
from pipelines.registry.candidate import CARD, candidate_from
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval, Version
from pipelines.steps.running import REFUSED

VALIDATE, EVALUATE, BENCHMARK, JUDGE = "validate", "evaluate", "benchmark", "judge"
STAGING, REGISTER = "staging", "register"
RUN = "run"


@dataclass(frozen=True, kw_only=True)
class LocalRequest:
    """What is tried, and how.

    Attributes:
        weights: the artifact's folder.
        output: folder of this run's documents and report.
        registry: folder of the versions.
        image: what a version's image is called here.
        instance: the type that the plan is made for.
        against: the version to compare with; see `pipelines.judging.find_previous`.
        quick: little text, few prompts, short answers.
        levels: conversations at a time; empty: the usual ones.
        approve: whether a version that passed may serve at once.
    """

    weights: Path
    output: Path
    registry: Path
    image: str
    instance: str
    context: int = 0
    suites: tuple[Path, ...] = ()
    against: str = "latest"
    settings: Path | None = None
    quick: bool = False
    levels: str = ""
    approve: bool = False
    licence: str = ""


@dataclass(frozen=True)
class LocalResult:
    """How it ended.

    Attributes:
        refused_by: the step that said no; empty when all passed.
        reasons: why.
        version: as registered; None when it was refused.
        gates: what gates.json holds; empty when it did not come so far.
        report: the HTML report; None when there is none.
    """

    output: Path
    refused_by: str
    reasons: tuple[str, ...]
    version: Version | None
    gates: dict[str, Any]
    report: Path | None

    @property
    def passed(self) -> bool:
        """Whether it was registered."""
        return self.version is not None


Staging = Callable[[], AbstractContextManager[str]]
"""Brings the candidate up; its block has the endpoint's URL."""


class Watch(Protocol):
    """Shows a person which step runs, and how far it is."""

    def step(self, name: str) -> AbstractContextManager[Tell]:
        """A step runs while the block does."""


class _Refused(Exception):
    """A step said no."""

    def __init__(self, step: str, message: str) -> None:
        super().__init__(message)
        self.step = step


def run_locally(request: LocalRequest, staging: Staging, watch: Watch) -> LocalResult:
    """Try weights by the real steps; a refusal is a result, not an error.

    Raises:
        PipelineError: a step could not run.
    """
    try:
        _steps(request, staging, watch)
    except _Refused as refusal:
        return _result(request, refusal.step, str(refusal), None)
    with watch.step(REGISTER):
        version = _register(request)
    return _result(request, "", "", version)


def _steps(request: LocalRequest, staging: Staging, watch: Watch) -> None:
    output = ["--output", str(request.output)]
    _run(VALIDATE, [*_validate_arguments(request), *output], watch)
    with _staged(staging, watch) as url:
        quick = ["--quick"] if request.quick else []
        suites = [part for path in request.suites for part in ("--suite", str(path))]
        levels = ["--levels", request.levels] if request.levels else []
        _run(EVALUATE, ["--endpoint", url, *output, *quick, *suites], watch)
        _run(BENCHMARK, ["--endpoint", url, *output, *quick, *levels], watch)
    _run(JUDGE, [*_judge_arguments(request), *output], watch)


@contextmanager
def _staged(staging: Staging, watch: Watch) -> Iterator[str]:
    """The endpoint, started under the eyes of the watch and ended in any case."""
    with ExitStack() as ends:
        with watch.step(STAGING):
            url = ends.enter_context(staging())
        yield url


def _run(step: str, arguments: list[str], watch: Watch) -> None:
    with watch.step(step) as tell:
        ended = run_script(f"pipelines.steps.{step}", arguments, tell)
    if ended.code == REFUSED:
        raise _Refused(step, ended.message)
    if ended.code != 0:
        raise PipelineError(f"the step {step} could not run: {ended.message}")


def _validate_arguments(request: LocalRequest) -> list[str]:
    arguments = ["--model", str(request.weights), "--instance", request.instance, "--unsealed"]
    if request.context:
        arguments += ["--context", str(request.context)]
    return [*arguments, *(["--license", request.licence] if request.licence else [])]


def _judge_arguments(request: LocalRequest) -> list[str]:
    arguments = ["--input", str(request.output), "--registry", str(request.registry)]
    arguments += ["--against", request.against]
    return [*arguments, *(["--settings", str(request.settings)] if request.settings else [])]


def _register(request: LocalRequest) -> Version:
    documents = {name: read_document(request.output / name) for name in (CHECK, PLAN, GATES, CARD)}
    registry = FolderRegistry(request.registry)
    version = registry.register(
        candidate_from(
            documents,
            image=request.image,
            model_data=str(request.weights),
            properties={RUN: request.output.name},
        )
    )
    if request.approve:
        return registry.decide(version, Approval.APPROVED, "the gates let it through")
    return version


def _result(request: LocalRequest, step: str, message: str, version: Version | None) -> LocalResult:
    judged = step in ("", JUDGE)
    gates = read_document(request.output / GATES) if judged else {}
    reasons = tuple(gates["reasons"]) if judged else (message,)
    report = request.output / INDEX if judged else None
    return LocalResult(request.output, step, reasons, version, gates, report)
