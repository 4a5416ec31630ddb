"""Local runs of the default model: better and worse, quick and slow, as a person would see it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.registry.folder import FolderRegistry
from tests.integration.pipelines.local_runs import refusals, run_command
from tests.support.tiny_talker import with_noise

pytestmark = pytest.mark.slow

LITTLE_NOISE = 0.1  # of each matrix's own spread: the model still talks, only worse


@pytest.fixture(scope="module")
def registry(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the default model as its approved version, by the shipped limits."""
    folder = tmp_path_factory.mktemp("laptop") / "registry"
    code, outcome = run_command("--registry", folder, "--weights", default_model, "--approve")
    assert code == 0, outcome
    return folder


def test_the_default_model_passes_the_shipped_limits(registry: Path) -> None:
    metrics = FolderRegistry(registry).get(1).candidate.metrics
    assert metrics["bits_per_byte"] < 1.2
    assert metrics["suite_basics"] > 0.25


def test_a_little_noise_on_its_weights_is_stopped(
    registry: Path, default_model: Path, tmp_path: Path
) -> None:
    worse = with_noise(default_model, tmp_path / "worse", share=LITTLE_NOISE)
    code, outcome = run_command("--registry", registry, "--weights", worse)
    assert (code, outcome["refused_by"]) == (1, "judge")
    assert {"bits_per_byte", "perplexity"} <= refusals(outcome)


def test_a_server_that_takes_one_request_at_a_time_is_stopped(
    registry: Path, default_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "keepwarm.toml"
    settings.write_text("[gates]\nttft_growth = 0.1\n")
    monkeypatch.setenv("KEEPWARM_MAX_NUM_SEQS", "1")
    monkeypatch.setenv("KEEPWARM_PREFIX_CACHING", "false")
    code, outcome = run_command(
        "--registry", registry, "--weights", default_model, "--settings", settings
    )
    assert (code, outcome["refused_by"]) == (1, "judge")
    assert refusals(outcome) & {"ttft_p95_s", "tokens_per_s", "cached_share"}
