"""The zip of all three functions: the source alone for looking at, with dependencies to deploy.

    synth   --> orchestrator_lambda/                     offline, in milliseconds
    deploy  --> orchestrator_lambda/ + wheels for Lambda `package=real` in the context

The same files make the same bytes, so what has not changed is not deployed again.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.errors import SynthesisError
from infrastructure.settings import Stage

PACKAGE = Path(__file__).parents[2] / "orchestrator_lambda"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
PYTHON = "3.13"
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
PLATFORMS = ("manylinux_2_34", "manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""What Amazon Linux 2023 runs: its glibc is 2.34."""

LEFT_OUT = ("__pycache__", ".pyc", ".md")
EPOCH = (1980, 1, 1, 0, 0, 0)
_FILE, _PROGRAM = 0o100644 << 16, 0o100755 << 16


def function_asset(scope: Construct, stage: Stage) -> lambda_.Code:
    """The functions' code, as the context wants it.

    Raises:
        SynthesisError: the dependencies cannot be had.
    """
    real = scope.node.try_get_context("package") == "real"
    return lambda_.Code.from_asset(str(_package(stage.function.architecture if real else "")))


def write_package(target: Path, architecture: str, python: str = PYTHON) -> None:
    """Write the zip with its dependencies.

    Args:
        target: the zip.
        architecture: arm64 or x86_64.
        python: version that it is for.

    Raises:
        SynthesisError: pip does not get the wheels; its own words are in the message.
    """
    with tempfile.TemporaryDirectory() as folder:
        wheels = Path(folder)
        _install(wheels, architecture, python)
        _write_zip(target, [*_source(), *_files(wheels, wheels)])


def write_source(target: Path) -> None:
    """Write the zip without dependencies."""
    _write_zip(target, _source())


@cache
def _package(architecture: str) -> Path:
    """The zip, made once a process; empty: without dependencies."""
    target = Path(_folder().name) / f"{architecture or 'source'}.zip"
    if architecture:
        write_package(target, architecture)
    else:
        write_source(target)
    return target


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Gone with this process: the CDK has a copy of its own by then."""
    return tempfile.TemporaryDirectory(prefix="keepwarm-package-")


def _install(target: Path, architecture: str, python: str) -> None:
    """Wheels alone: what is built here would be built for this machine."""
    platforms = [f"{name}_{MACHINES[architecture]}" for name in PLATFORMS]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--no-compile", "--only-binary=:all:", "--implementation=cp"),
        *("--python-version", python, "--target", str(target), "--requirement", str(REQUIREMENTS)),
        *(f"--platform={name}" for name in platforms),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SynthesisError(f"the function's dependencies cannot be had: {done.stderr.strip()}")


def _source() -> list[tuple[str, Path]]:
    return _files(PACKAGE, PACKAGE.parent)


def _files(folder: Path, root: Path) -> list[tuple[str, Path]]:
    return [
        (path.relative_to(root).as_posix(), path)
        for path in folder.rglob("*")
        if path.is_file() and not _left_out(path.relative_to(root))
    ]


def _left_out(path: Path) -> bool:
    return any(part in LEFT_OUT for part in (*path.parts, path.suffix)) or path.parts[0] == "bin"


def _write_zip(target: Path, files: Iterable[tuple[str, Path]]) -> None:
    """In order, without times of their own: the bytes depend on the files alone."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = _PROGRAM if path.stat().st_mode & 0o100 else _FILE
            archive.writestr(entry, path.read_bytes())
