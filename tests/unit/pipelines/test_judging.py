from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.documents import BENCHMARK, CHECK, GATES, PLAN
from pipelines.errors import DocumentError, RegistryError, SettingsError
from pipelines.gates.limits import GateLimits
from pipelines.judging import find_previous, judge_run
from pipelines.registry.candidate import CARD, candidate_from
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval, Version
from tests.support.run_documents import INSTANCE, Documents, run_documents

LIMITS = GateLimits()


def registered(registry: FolderRegistry, documents: Documents) -> Version:
    """A run judged and registered."""
    judged = judge_run(documents, None, LIMITS)
    whole = {**documents, GATES: judged.gates, CARD: judged.card}
    return registry.register(candidate_from(whole, image="local:1", model_data="/m"))


def test_a_run_becomes_a_version_that_the_next_run_is_held_against(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    version = registered(registry, run_documents())
    assert version.candidate.environment["KEEPWARM_MAX_CONCURRENT"] == "64"
    assert version.candidate.model_sha256 == "ab" * 32
    registry.decide(version, Approval.APPROVED)

    slower = run_documents(benchmark={"ttft_p95_s": 0.9, "tokens_per_s": 50.0})
    judged = judge_run(slower, find_previous(registry, "latest"), LIMITS)
    assert not judged.passed
    assert judged.gates["against"] == {"number": 1, "name": version.name}
    assert judged.gates["reasons"] == [
        "TTFT p95 is 900 ms, at most 600 ms is allowed (version 1 has 400 ms)",
        "output tokens/s is 50.0, at least 80.0 is asked for (version 1 has 100.0)",
    ]


def test_latest_means_approved_and_a_number_means_that_one(tmp_path: Path) -> None:
    registry = FolderRegistry(tmp_path)
    registered(registry, run_documents())
    assert find_previous(registry, "latest") is None
    assert find_previous(registry, "none") is None
    found = find_previous(registry, "1")
    assert found is not None
    assert found.number == 1
    with pytest.raises(RegistryError, match="no version 2"):
        find_previous(registry, "2")
    with pytest.raises(SettingsError, match="latest, none or a number"):
        find_previous(registry, "newest")


def test_the_card_says_what_was_measured_and_what_it_costs() -> None:
    card = judge_run(run_documents(), None, LIMITS).card
    details = card["additional_information"]["custom_details"]
    assert details["usd_a_million_tokens_estimated"] == "0.7"
    assert details["usd_a_million_tokens_measured"] == "6.944"  # 2.5 / (100 * 3600) * 1e6
    assert all(isinstance(value, str) for value in details.values())
    quality, speed = card["evaluation_details"]
    names = [one["name"] for one in quality["metric_groups"][0]["metric_data"]]
    assert names == ["bits_per_byte", "perplexity", "suite_basics"]
    assert "ttft_p95_s" in [one["name"] for one in speed["metric_groups"][0]["metric_data"]]


def test_a_cost_is_measured_only_on_the_planned_instance() -> None:
    judged = judge_run(run_documents(place="a laptop"), None, LIMITS)
    details = judged.card["additional_information"]["custom_details"]
    assert details["usd_a_million_tokens_measured"] == "not known"
    assert INSTANCE in judged.files["report.md"]


def test_a_metric_that_is_no_number_refuses_and_is_reported() -> None:
    judged = judge_run(run_documents(evaluation={"perplexity": None}), None, LIMITS)
    assert not judged.passed
    assert "perplexity was not measured" in judged.files["report.html"]
    assert "perplexity" not in judged.gates["metrics"]
    json.loads(judged.files[GATES])


def test_a_missing_or_broken_document_is_named() -> None:
    documents = run_documents()
    del documents[BENCHMARK]
    with pytest.raises(DocumentError, match=r"benchmark\.json is missing"):
        judge_run(documents, None, LIMITS)
    documents = run_documents()
    del documents[BENCHMARK]["levels"]
    with pytest.raises(DocumentError, match="levels"):
        judge_run(documents, None, LIMITS)
    documents = run_documents()
    del documents[BENCHMARK]["place"]
    with pytest.raises(DocumentError, match=r"benchmark\.json lacks the text 'place'"):
        judge_run(documents, None, LIMITS)


def test_what_the_gates_refused_is_never_registered() -> None:
    documents = run_documents(evaluation={"bits_per_byte": 5.0})
    judged = judge_run(documents, None, LIMITS)
    whole = {**documents, GATES: judged.gates, CARD: judged.card}
    with pytest.raises(DocumentError, match="does not say that the gates passed"):
        candidate_from(whole, image="local:1", model_data="/m")


@pytest.mark.parametrize("name", [CHECK, PLAN, GATES, CARD])
def test_a_version_is_registered_with_all_of_a_run(name: str) -> None:
    documents = run_documents()
    judged = judge_run(documents, None, LIMITS)
    whole = {**documents, GATES: judged.gates, CARD: judged.card}
    del whole[name]
    with pytest.raises(DocumentError, match=f"{name} is missing"):
        candidate_from(whole, image="local:1", model_data="/m")


def test_judging_needs_neither_torch_nor_numpy_nor_rich() -> None:
    program = (
        "import sys, pipelines.functions.judge, pipelines.steps.judge, pipelines.steps.evaluate, "
        "pipelines.steps.benchmark; "
        "print(*({'torch', 'numpy', 'rich', 'transformers', 'sagemaker'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
