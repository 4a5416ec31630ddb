"""The order of a local run, with scripted steps; the real ones run in tests/integration."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipelines.documents import BENCHMARK, CHECK, EVALUATION, PLAN, write_document
from pipelines.errors import PipelineError
from pipelines.local_run import run as local
from pipelines.local_run.run import LocalRequest, LocalResult, run_locally
from pipelines.local_run.script import Ended, Tell
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval
from pipelines.steps import judge
from tests.support.run_documents import run_documents

DOCUMENTS = {"validate": (CHECK, PLAN), "evaluate": (EVALUATION,), "benchmark": (BENCHMARK,)}


class House:
    """Scripted steps, a scripted endpoint, and what happened in which order."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.happened: list[str] = []
        self.endings: dict[str, Ended] = {}
        self.documents = run_documents()
        self.request = LocalRequest(
            weights=folder / "model",
            output=folder / "registry" / "runs" / "r1",
            registry=folder / "registry",
            image="local:1",
            instance="ml.g6e.2xlarge",
            approve=True,
        )
        monkeypatch.chdir(folder)
        monkeypatch.setattr(local, "run_script", self._script)

    def run(self) -> LocalResult:
        return run_locally(self.request, self.staging, self)

    @contextmanager
    def staging(self) -> Iterator[str]:
        self.happened.append("up")
        try:
            yield "http://127.0.0.1:1"
        finally:
            self.happened.append("down")

    @contextmanager
    def step(self, name: str) -> Iterator[Tell]:
        self.happened.append(name)
        yield lambda share, text: None

    def _script(self, module: str, arguments: list[str], tell: Tell) -> Ended:
        name = module.rsplit(".", 1)[-1]
        if name in self.endings:
            return self.endings[name]
        if name == "judge":
            return Ended(judge.main(arguments), "judged")
        for document in DOCUMENTS[name]:
            write_document(self.request.output / document, self.documents[document])
        return Ended(0, "")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    return House(tmp_path, monkeypatch)


def test_steps_run_in_order_and_the_endpoint_is_gone_before_the_judgement(house: House) -> None:
    result = house.run()
    assert house.happened == [
        "validate", "staging", "up", "evaluate", "benchmark", "down", "judge", "register",
    ]  # fmt: skip
    assert result.passed
    version = FolderRegistry(house.request.registry).get(1)
    assert version == result.version
    assert version.approval is Approval.APPROVED
    assert version.candidate.properties["run"] == "r1"


def test_a_refused_artifact_is_never_started(house: House) -> None:
    house.endings["validate"] = Ended(1, "the artifact is refused: a pickle")
    result = house.run()
    assert house.happened == ["validate"]
    assert (result.refused_by, result.report) == ("validate", None)
    assert result.reasons == ("the artifact is refused: a pickle",)


def test_a_gate_that_refuses_registers_nothing_and_leaves_a_report(house: House) -> None:
    house.documents = run_documents(benchmark={"ttft_p95_s": 11.0, "tokens_per_s": 1.0})
    result = house.run()
    assert (result.passed, result.refused_by, len(result.reasons)) == (False, "judge", 2)
    assert result.report is not None
    assert result.report.is_file()
    assert FolderRegistry(house.request.registry).versions() == []


def test_the_second_run_is_held_against_the_first(house: House) -> None:
    house.run()
    house.documents = run_documents(benchmark={"tokens_per_s": 50.0})
    result = house.run()
    assert result.gates["against"]["number"] == 1
    assert not result.passed


@pytest.mark.parametrize("step", ["evaluate", "benchmark"])
def test_a_step_that_cannot_run_is_an_error_and_the_endpoint_goes(house: House, step: str) -> None:
    house.endings[step] = Ended(2, "the endpoint died")
    with pytest.raises(PipelineError, match=f"the step {step} could not run: the endpoint died"):
        house.run()
    assert house.happened[-1] == "down"


def test_an_endpoint_that_does_not_come_up_ends_the_run(house: House) -> None:
    @contextmanager
    def broken() -> Iterator[str]:
        raise PipelineError("no memory")
        yield ""

    with pytest.raises(PipelineError, match="no memory"):
        run_locally(house.request, broken, house)
    assert house.happened == ["validate", "staging"]
