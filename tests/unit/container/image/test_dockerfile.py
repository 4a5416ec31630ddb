"""The recipe, read as text: what a build is too slow to tell."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

from container.image.lock import HERE, ROOT

RECIPE = (ROOT / "Dockerfile").read_text()
INSTRUCTIONS = re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", RECIPE)).splitlines()


def of(name: str) -> list[str]:
    """The arguments of all instructions of this name."""
    return [line.split(maxsplit=1)[1] for line in INSTRUCTIONS if line.startswith(f"{name} ")]


def test_the_base_is_an_argument_of_an_exact_version() -> None:
    assert INSTRUCTIONS[0] == "" or INSTRUCTIONS[0].startswith("ARG BASE_IMAGE=")
    (base,) = [line for line in of("ARG") if line.startswith("BASE_IMAGE=")]
    assert re.fullmatch(r"BASE_IMAGE=nvidia/cuda:\d+\.\d+\.\d+-base-ubuntu\d+\.\d+", base)


def test_torch_is_built_for_the_cuda_of_the_base() -> None:
    major, minor = re.findall(r"nvidia/cuda:(\d+)\.(\d+)", RECIPE)[0]
    locked = (HERE / "requirements-cuda.txt").read_text()
    assert f"cuda-toolkit=={major}.{minor}." in locked
    assert f"keepwarm:cu{major}{minor}" in RECIPE


def test_the_entry_point_is_in_exec_form() -> None:
    (entry,) = of("ENTRYPOINT")
    assert json.loads(entry)[-1] == "/opt/keepwarm/container/serve"
    assert [json.loads(command) for command in of("CMD")] == [["serve"]]


def test_it_claims_of_the_hosting_contract_what_the_server_does() -> None:
    labels = set(re.findall(r"com\.amazonaws\.sagemaker\.capabilities\.([a-z-]+)", RECIPE))
    assert labels == {"accept-bind-to-port"}  # neither multi-models nor bidirectional-streaming


def test_every_install_checks_hashes_and_keeps_no_cache() -> None:
    installs = re.findall(r"pip install([^&]*)", " ".join(INSTRUCTIONS))
    assert installs
    for options in installs:
        assert "--require-hashes" in options
        assert "--no-cache-dir" in options


def test_our_sources_come_last_so_that_packages_stay_cached() -> None:
    text = "\n".join(INSTRUCTIONS)
    assert text.index("pip install") < text.index("COPY serving") < text.index("ENTRYPOINT")
    last = [line for line in of("COPY")][-1]
    assert last.startswith("--from=application")


def test_the_compatibility_libraries_are_never_forced_on_a_host() -> None:
    assert "LD_LIBRARY_PATH" not in RECIPE


def test_the_build_context_lets_through_nothing_by_default() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line]
    assert next(rule for rule in rules if not rule.startswith("#")) == "*"


def test_hadolint_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("hadolint")
    hadolint = str(beside) if beside.is_file() else shutil.which("hadolint")
    assert hadolint is not None, "make setup installs hadolint"
    ran = subprocess.run(
        [hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout
