"""What else is run in the image: its own bill of materials, and the pipeline's processing steps.

For the latter SageMaker brings `pipelines/` and names a program in the entry point's place.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from container.image.fingerprint import ROOT
from container.image.lock import HERE as LOCKS
from container.image.lock import entries
from container.sbom import DPKG_STATUS, installed_packages
from tests.image.conftest import StartContainer
from tests.image.running import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]

CODE = "/opt/ml/processing/code"
IMPORT_ALL = """
import importlib, pkgutil, sys
import pipelines.aws, pipelines.steps
for module in pkgutil.iter_modules(pipelines.steps.__path__, "pipelines.steps."):
    importlib.import_module(module.name)
pipelines.aws.BotoClients("us-east-1").client("s3")
print(*sys.modules)
"""


def test_it_tells_what_it_is_made_of(
    start_container: StartContainer, image: Image, tmp_path: Path
) -> None:
    container = start_container(tmp_path, program=("python", "-m", "container.sbom"), arguments=())
    assert container.wait() == 0, container.log
    names = (one["name"] for one in json.loads(container.log)["components"])
    told = {re.sub(r"[-_.]+", "-", name).lower() for name in names}
    status = (image.root / str(DPKG_STATUS).lstrip("/")).read_text()
    debian = {fields["Package"] for fields in installed_packages(status)}
    python = set(entries((LOCKS / "requirements-cpu.txt").read_text()))
    assert {"g++", "libc6"} <= debian
    assert {re.sub(r"[-_.]+", "-", name) for name in debian} | python <= told


def test_the_pipelines_steps_find_what_they_import(
    start_container: StartContainer, tmp_path: Path
) -> None:
    container = start_container(
        tmp_path,
        mounts={f"{CODE}/pipelines": ROOT / "pipelines"},
        env={"PYTHONPATH": f"{CODE}:/opt/keepwarm"},
        program=("python", "-c", IMPORT_ALL),
        arguments=(),
    )
    assert container.wait() == 0, container.log
    assert "boto3" in container.log.split()


def test_the_default_model_is_validated_in_it(
    start_container: StartContainer, default_model: Path
) -> None:
    container = start_container(
        default_model,
        mounts={f"{CODE}/pipelines": ROOT / "pipelines"},
        env={"PYTHONPATH": f"{CODE}:/opt/keepwarm"},
        program=("python", "-m", "pipelines.steps.validate"),
        arguments=("--model=/opt/ml/model", "--output=/tmp/out", "--instance=ml.g6e.2xlarge"),
    )
    assert container.wait() == 0, container.log
    assert "validated" in container.log
