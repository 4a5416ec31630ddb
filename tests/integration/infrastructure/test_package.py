"""The real zip, unpacked and started, with a Python that has nothing but the zip."""

from __future__ import annotations

import platform
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.functions.package import MACHINES, write_package
from local.lambda_environment import FunctionSettings
from local.lambda_function import LambdaFunction
from tests.events.load import load_event
from tests.support.chat_boxes import chat_templates

OURS = {machine: name for name, machine in MACHINES.items()}.get(platform.machine(), "")
MODULES = "aws_lambda_powertools, aws_xray_sdk, boto3, cryptography, jwt, redis"

pytestmark = [
    pytest.mark.slow,  # asks the package registry
    pytest.mark.skipif(not OURS or sys.platform != "linux", reason="not a machine of Lambda's"),
]


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked zip, for this machine's processor and Python."""
    folder = tmp_path_factory.mktemp("package")
    write_package(folder / "real.zip", OURS, f"{sys.version_info.major}.{sys.version_info.minor}")
    with zipfile.ZipFile(folder / "real.zip") as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder / "task"))
            path.chmod(entry.external_attr >> 16)
    return folder / "task"


@pytest.fixture(scope="module")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a `python3` that knows no installed package."""
    folder = tmp_path_factory.mktemp("bin")
    base = Path(sys.base_prefix) / "bin" / f"python3.{sys.version_info.minor}"
    (folder / "python3").write_text(f'#!/bin/sh\nexec "{base}" -S "$@"\n')
    (folder / "python3").chmod(0o755)
    return folder


@pytest.fixture
def function(task: Path, bare_python: Path, tmp_path: Path) -> Iterator[LambdaFunction]:
    environment = chat_templates().environment("Orchestrator")
    bootstrap = environment.pop("AWS_LAMBDA_EXEC_WRAPPER").replace("/var/task", str(task))
    settings = FunctionSettings(
        handler=chat_templates().only("chat", "AWS::Lambda::Function", "Orchestrator")["Handler"],
        root=task,
        command=(bootstrap,),
        env={
            **environment,
            "PATH": f"{bare_python}:/usr/bin:/bin",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        log=tmp_path / "log",
        timeout_s=60.0,
    )
    with LambdaFunction(settings) as running:
        yield running


def test_every_dependency_is_in_the_zip(task: Path, bare_python: Path) -> None:
    code = f"import {MODULES}; print({MODULES.split(', ')[0]}.__file__)"
    done = subprocess.run(
        [bare_python / "python3", "-c", code],
        env={"PYTHONPATH": str(task)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(task))


def test_the_function_starts_by_its_bootstrap_with_the_templates_variables(
    function: LambdaFunction,
) -> None:
    assert function.invoke(load_event("warmer")) == {"ok": True, "kind": "ping"}


def test_it_streams_an_answer(function: LambdaFunction) -> None:
    answer = function.invoke_streaming(load_event("rest", path="/none", pathParameters=None))
    assert answer.status == 404
    assert b"".join(answer.pieces)
