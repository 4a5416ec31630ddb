"""`keepwarm pipeline run --local` with real parts: our server, its engine, a model that has learnt.

One version is registered and approved; then a worse checkpoint, a slower server and a pickle come.
"""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest

from cli import pipeline_run
from cli.errors import CliError
from pipelines.documents import BENCHMARK, CHECK, EVALUATION, GATES, MANIFEST, PLAN
from pipelines.registry.folder import FolderRegistry
from pipelines.registry.interface import Approval
from tests.integration.pipelines import local_runs
from tests.integration.pipelines.local_runs import refusals, run_command
from tests.support.tiny_talker import tiny_talker, with_noise


class Laptop:
    """A model, a registry with its approved version, and the settings of both."""

    def __init__(self, folder: Path) -> None:
        self.model = tiny_talker(folder / "tiny")
        self.registry = folder / "registry"
        self.settings = folder / "keepwarm.toml"
        self.settings.write_text(local_runs.GATES)
        self.arguments = ["--registry", self.registry, "--settings", self.settings]
        self.code, self.outcome = run_command(
            *self.arguments, "--weights", self.model, "--levels", "1,2", "--approve"
        )


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Laptop:
    return Laptop(tmp_path_factory.mktemp("laptop"))


def test_a_good_checkpoint_is_registered_with_all_that_was_measured(laptop: Laptop) -> None:
    assert laptop.code == 0, laptop.outcome
    version = FolderRegistry(laptop.registry).get(1)
    assert version.approval is Approval.APPROVED
    assert version.candidate.metrics["bits_per_byte"] < 5
    assert version.candidate.environment["KEEPWARM_DTYPE"] == "float32"
    output = Path(laptop.outcome["output"])
    found = {path.name for path in output.iterdir()}
    assert {CHECK, MANIFEST, PLAN, EVALUATION, BENCHMARK, GATES, "card.json"} <= found
    check = json.loads((output / CHECK).read_text())
    assert version.candidate.model_sha256 == check["sha256"]
    assert "<svg" in (output / "report.html").read_text()


def test_its_speed_was_measured_on_whole_streams_with_a_warm_cache(laptop: Laptop) -> None:
    metrics = laptop.outcome["metrics"]
    assert metrics["truncated_share"] == metrics["failed_share"] == 0
    assert metrics["cached_share"] > 0.25


def test_a_worse_checkpoint_is_stopped_by_the_quality_gate(laptop: Laptop, tmp_path: Path) -> None:
    worse = with_noise(laptop.model, tmp_path / "worse")
    code, outcome = run_command(*laptop.arguments, "--weights", worse, "--levels", "1")
    assert (code, outcome["refused_by"], outcome["version"]) == (1, "judge", None)
    assert refusals(outcome) == {"bits_per_byte", "perplexity"}
    assert any("(version 1 has" in reason for reason in outcome["reasons"])
    assert len(FolderRegistry(laptop.registry).versions()) == 1


def test_a_slower_server_is_stopped_by_the_speed_gate(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = local_runs.delayed(laptop.model, delay_s=3.0)
    monkeypatch.setattr(pipeline_run, "_server", lambda model, reporter: slow)
    arguments = [*laptop.arguments, "--weights", laptop.model, "--levels", "1"]
    code, outcome = run_command(*arguments)
    assert (code, outcome["refused_by"]) == (1, "judge")
    assert refusals(outcome) == {"ttft_p95_s"}
    assert "at most 2.50 s is allowed" in outcome["reasons"][0]
    assert len(FolderRegistry(laptop.registry).versions()) == 1


def test_a_pickle_is_stopped_by_validation_before_anything_is_started(
    laptop: Laptop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(model: Path, reporter: object) -> object:
        def staging() -> object:
            raise AssertionError("it was started")

        return staging

    monkeypatch.setattr(pipeline_run, "_server", never)
    wicked = tmp_path / "wicked"
    shutil.copytree(laptop.model, wicked)
    (wicked / "model.safetensors").unlink()
    (wicked / "pytorch_model.bin").write_bytes(pickle.dumps({"weight": [1.0]}))
    code, outcome = run_command(*laptop.arguments, "--weights", wicked)
    assert (code, outcome["refused_by"], outcome["report"]) == (1, "validate", None)
    assert "pytorch_model.bin" in outcome["reasons"][0]
    assert len(FolderRegistry(laptop.registry).versions()) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--weights", "/nowhere/at/all"], "--weights must be a model folder"),
        (["--suite", "/nowhere.toml"], "the suite /nowhere.toml cannot be read"),
        (["--settings", "/nowhere.toml"], "cannot be used"),
        (["--against", "7"], "there is no version 7"),
        (["--against", "newest"], "latest, none or a number"),
        (["--levels", "4,1"], "levels must ascend"),
        (["--instance", "ml.x9.large"], "is not in the table"),
    ],
)
def test_what_cannot_be_is_told_before_anything_long(
    laptop: Laptop,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = ["--registry", "registry", "--weights", laptop.model, *arguments]
    with pytest.raises(CliError, match=sentence) as caught:
        run_command(*given)
    assert caught.value.exit_code == 2
    assert not (tmp_path / "registry").exists()
