"""The zip of the functions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import tomllib
import zipfile
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement

from infrastructure.errors import SynthesisError
from infrastructure.functions import package

ROOT = Path(__file__).parents[4]
LAMBDAS_PYTHON = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}


def pins(path: Path) -> set[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if "==" in line}


def name_of(text: str) -> str:
    return text.split("==")[0].lower().replace("_", "-")


def everything_needed() -> set[str]:
    """The orchestrator's extra, and what that needs in turn on Lambda's Python."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo = [Requirement(one) for one in project["optional-dependencies"]["orchestrator"]]
    found: set[str] = set()
    environment = {**default_environment(), **LAMBDAS_PYTHON}
    while todo:
        requirement = todo.pop()
        if name_of(requirement.name) in found:
            continue
        found.add(name_of(requirement.name))
        needs = [Requirement(one) for one in importlib.metadata.requires(requirement.name) or ()]
        todo += [one for one in needs if not one.marker or one.marker.evaluate(environment)]
    return found


def test_the_same_files_make_the_same_bytes(tmp_path):
    digests = set()
    for name in ("one.zip", "two.zip"):
        package.write_source(tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_the_source_is_the_orchestrator_alone(tmp_path):
    package.write_source(tmp_path / "source.zip")
    names = zipfile.ZipFile(tmp_path / "source.zip").namelist()
    assert {name.split("/")[0] for name in names} == {"orchestrator_lambda"}
    assert "orchestrator_lambda/telemetry/consumer.py" in names
    assert not any(name.endswith((".pyc", ".md")) for name in names)


def test_the_bootstrap_can_be_run(tmp_path):
    package.write_source(tmp_path / "source.zip")
    entry = zipfile.ZipFile(tmp_path / "source.zip").getinfo("orchestrator_lambda/bootstrap")
    assert entry.external_attr >> 16 & 0o111 == 0o111


def test_dependencies_are_those_of_the_extra_in_the_versions_that_were_tested():
    required = pins(package.REQUIREMENTS)
    assert required <= pins(ROOT / "constraints.txt")
    assert {name_of(one) for one in required} == everything_needed()


@pytest.mark.parametrize(("architecture", "machine"), [("arm64", "aarch64"), ("x86_64", "x86_64")])
def test_only_wheels_for_lambdas_machine_are_taken(tmp_path, monkeypatch, architecture, machine):
    asked: list[str] = []

    def run(command, **options):
        asked.extend(command)
        return CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(package.subprocess, "run", run)
    package.write_package(tmp_path / "real.zip", architecture)
    platforms = [word for word in asked if word.startswith("--platform=")]
    assert platforms
    assert all(word.endswith(machine) for word in platforms)
    assert {"--only-binary=:all:", "--no-deps"} <= set(asked)
    assert asked[asked.index("--python-version") + 1] == "3.13"


def test_pips_own_words_say_why_there_is_no_package(tmp_path, monkeypatch):
    def run(command, **options):
        return CompletedProcess(command, 1, "", "no matching distribution for cryptography")

    monkeypatch.setattr(package.subprocess, "run", run)
    with pytest.raises(SynthesisError, match="no matching distribution for cryptography"):
        package.write_package(tmp_path / "real.zip", "arm64")
