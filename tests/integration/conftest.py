"""The real server with the default model, and AWS's stand-ins: shared where a test leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.sagemaker_runtime import RuntimeSettings, SageMakerRuntime
from tests.support.aws_local import AwsLocal, aws_local
from tests.support.live_server import LiveServer


@pytest.fixture(scope="session")
def server(default_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """Up for all tests of this folder; none of them may stop it."""
    with LiveServer(default_model, tmp_path_factory.mktemp("server") / "log") as live:
        yield live


@pytest.fixture
def own_server(default_model: Path, tmp_path: Path) -> Iterator[LiveServer]:
    """One for a test that ends or breaks it."""
    with LiveServer(default_model, tmp_path / "log") as live:
        yield live


@pytest.fixture(scope="session")
def sagemaker(server: LiveServer) -> Iterator[SageMakerRuntime]:
    """The SageMaker runtime's stand-in in front of the server."""
    with SageMakerRuntime(RuntimeSettings(container_url=server.url)) as runtime:
        yield runtime


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsLocal]:
    """DynamoDB, Kinesis, S3, CloudWatch; `aws.unique` keeps the tests apart."""
    with aws_local(tmp_path_factory.mktemp("aws") / "log") as local:
        yield local
