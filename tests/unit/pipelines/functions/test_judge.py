"""The judge's function, on real boto3 clients over the fake account."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.documents import GATES
from pipelines.errors import DocumentError
from pipelines.functions.judge import handle
from pipelines.gates.limits import GateLimits
from pipelines.judging import judge_run
from pipelines.registry.candidate import CARD, candidate_from
from pipelines.registry.interface import Approval
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.s3 import S3
from tests.support.run_documents import Documents, run_documents

SETTINGS = DeploymentSettings()
RESULTS = "s3://results/executions/e1/"
EVENT = {"results": RESULTS, "group": "keepwarm", "against": "latest"}


@pytest.fixture(autouse=True)
def no_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def account(documents: Documents) -> ControlPlane:
    """An account in whose bucket a run's documents lie."""
    plane = ControlPlane()
    for name, content in documents.items():
        plane.part(S3).put(RESULTS + name, json.dumps(content).encode())
    return plane


def approve_a_version(plane: ControlPlane, documents: Documents) -> None:
    judged = judge_run(documents, None, GateLimits())
    whole = {**documents, GATES: judged.gates, CARD: judged.card}
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/keepwarm@sha256:" + "0" * 64
    registry = SageMakerRegistry(plane.as_role("register"), "keepwarm", "results")
    candidate = candidate_from(whole, image=image, model_data="s3://models/a/")
    registry.decide(registry.register(candidate), Approval.APPROVED, "good")


def stored(plane: ControlPlane, name: str) -> str:
    body = plane.client("s3").get_object(Bucket="results", Key=f"executions/e1/{name}")["Body"]
    text: str = body.read().decode()
    return text


def test_a_good_run_passes_and_its_report_lies_beside_its_documents() -> None:
    plane = account(run_documents())
    answer = handle(EVENT, plane.as_role("judge"), SETTINGS)
    assert answer == {
        "passed": "true",
        "reasons": "",
        "gates": RESULTS + "gates.json",
        "report": RESULTS + "report.html",
    }
    assert json.loads(stored(plane, "gates.json"))["passed"] is True
    assert "<svg" in stored(plane, "report.html")
    assert stored(plane, "plot-ttft.svg").startswith("<svg")


def test_a_run_is_held_against_the_approved_version_of_the_group() -> None:
    plane = account(run_documents(benchmark={"tokens_per_s": 40.0}))
    approve_a_version(plane, run_documents())
    answer = handle(EVENT, plane.as_role("judge"), SETTINGS)
    assert answer["passed"] == "false"
    assert answer["reasons"] == (
        "output tokens/s is 40.0, at least 80.0 is asked for (version 1 has 100.0)"
    )
    alone = handle({**EVENT, "against": "none"}, plane.as_role("judge"), SETTINGS)
    assert alone["passed"] == "true"


def test_what_the_registry_kept_is_comparable() -> None:
    plane = account(run_documents())
    approve_a_version(plane, run_documents())
    handle(EVENT, plane.as_role("judge"), SETTINGS)
    gates = json.loads(stored(plane, "gates.json"))
    assert gates["notes"] == []
    assert gates["against"]["number"] == 1


def test_limits_come_from_the_functions_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEPWARM_GATES_MAX_TTFT_P95_S", "0.3")
    answer = handle(EVENT, account(run_documents()).as_role("judge"), SETTINGS)
    assert answer["reasons"] == "TTFT p95 is 400 ms, at most 300 ms is allowed"


def test_judging_twice_says_the_same() -> None:
    plane = account(run_documents())
    first = handle(EVENT, plane.as_role("judge"), SETTINGS)
    before = stored(plane, "report.html")
    assert handle(EVENT, plane.as_role("judge"), SETTINGS) == first
    assert stored(plane, "report.html") == before


def test_a_missing_document_is_named() -> None:
    documents = run_documents()
    del documents["benchmark.json"]
    with pytest.raises(DocumentError, match=r"executions/e1/benchmark.json: AWS answers NoSuchKey"):
        handle(EVENT, account(documents).as_role("judge"), SETTINGS)


@pytest.mark.parametrize("results", ["", "executions/e1", "s3://results", "https://x/y"])
def test_a_place_that_is_none_is_refused(results: str) -> None:
    with pytest.raises(DocumentError, match="results must be s3://bucket/prefix/"):
        handle({"results": results}, ControlPlane().as_role("judge"), SETTINGS)
