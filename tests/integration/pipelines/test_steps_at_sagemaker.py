"""Evaluate and benchmark through boto3, as the cloud does: runtime API, platform, our server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sagemaker_runtime import RuntimeSettings, SageMakerRuntime
from pipelines.steps import benchmark, evaluate
from tests.support.live_server import LiveServer
from tests.unit.pipelines.model.artifacts import checkpoint

PLACE = "ml.g6e.2xlarge"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    folder = tmp_path_factory.mktemp("tiny")
    model = checkpoint(folder / "model", max_position_embeddings=2048)
    with LiveServer(model, folder / "log") as live:
        yield live


@pytest.fixture
def endpoint(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of an endpoint that boto3 finds by the environment, as in a processing job."""
    with SageMakerRuntime(RuntimeSettings(server.url, endpoint_name="staging-1")) as runtime:
        for name, value in {
            "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME": runtime.url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        yield "staging-1"


def document(folder: Path, name: str) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = json.loads((folder / name).read_text())
    return found


def test_the_endpoint_gives_the_same_perplexity_as_the_server_itself(
    server: LiveServer, endpoint: str, tmp_path: Path
) -> None:
    for name, target in (("cloud", endpoint), ("direct", server.url)):
        arguments = ["--endpoint", target, "--output", str(tmp_path / name), "--quick"]
        assert evaluate.main(arguments) == 0
    cloud, direct = (document(tmp_path / name, "evaluation.json") for name in ("cloud", "direct"))
    assert cloud["sample"]["tokenizer"] == direct["sample"]["tokenizer"]
    assert cloud["metrics"] == pytest.approx(direct["metrics"], rel=1e-5)
    assert 6 < cloud["metrics"]["bits_per_byte"] < 10  # 300 tokens, one a byte, nothing learnt


def test_streams_arrive_whole_with_their_receipts(endpoint: str, tmp_path: Path) -> None:
    arguments = ["--endpoint", endpoint, "--output", str(tmp_path), "--quick", "--place", PLACE]
    assert benchmark.main(arguments) == 0
    found = document(tmp_path, "benchmark.json")
    assert found["place"] == PLACE
    metrics = found["metrics"]
    assert metrics["truncated_share"] == metrics["failed_share"] == 0
    assert metrics["cached_share"] > 0.25
