"""The image's requirements: how they are made, and that those in the repository are whole."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from container.image.lock import CUDA_ONLY, HERE, ROOT, LockError, entries, make_locks

RESOLVED = """\
flask==3.1.3 \\
    --hash=sha256:aa
nvidia-cublas==13.1.1.3 \\
    --hash=sha256:bb
setuptools==84.2.1 \\
    --hash=sha256:cc \\
    --hash=sha256:dd
torch==2.13.0 \\
    --hash=sha256:ee
triton==3.7.1 \\
    --hash=sha256:ff
"""
CPU_HASHES = (
    f"# a comment\n{'1' * 64}  torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl\n"
    f"{'2' * 64}  torch-2.13.0+cpu-cp312-cp312-manylinux_2_28_x86_64.whl\n"
    f"{'3' * 64}  torch-2.13.1+cpu-cp312-cp312-manylinux_2_28_x86_64.whl\n"
)
# Distributions whose module has another name.
MODULES = {"pyzmq": "zmq"}


def pins(name: str) -> dict[str, str]:
    """Versions in a file of the repository, by package."""
    found = entries((HERE / name).read_text())
    return {package: entry.split("==")[1].split()[0] for package, entry in found.items()}


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pairs}


def test_an_entry_keeps_all_of_its_hashes() -> None:
    assert entries(RESOLVED)["setuptools"].count("--hash") == 2


def test_the_cuda_lock_is_what_was_resolved() -> None:
    assert entries(make_locks(RESOLVED, CPU_HASHES)["requirements-cuda.txt"]) == entries(RESOLVED)


def test_the_cpu_lock_has_another_torch_and_no_cuda() -> None:
    cpu = entries(make_locks(RESOLVED, CPU_HASHES)["requirements-cpu.txt"])
    assert set(cpu) == {"flask", "setuptools", "torch"}
    assert cpu["torch"] == (
        f"torch==2.13.0+cpu \\\n    --hash=sha256:{'1' * 64} \\\n    --hash=sha256:{'2' * 64}\n"
    )


def test_the_build_lock_has_what_builds_a_package_without_a_wheel() -> None:
    assert set(entries(make_locks(RESOLVED, CPU_HASHES)["requirements-build.txt"])) == {
        "setuptools"
    }


def test_a_torch_without_a_known_cpu_build_is_refused() -> None:
    with pytest.raises(LockError, match=r"no wheel of torch 2\.99\.0"):
        make_locks(RESOLVED.replace("torch==2.13.0", "torch==2.99.0"), CPU_HASHES)


def test_no_torch_at_all_is_refused() -> None:
    with pytest.raises(LockError, match=r"requirements\.in"):
        make_locks("flask==3.1.3 \\\n    --hash=sha256:aa\n", CPU_HASHES)


@pytest.mark.parametrize("name", ["cuda", "cpu", "build"])
def test_every_package_in_the_repository_has_a_version_and_a_hash(name: str) -> None:
    for package, entry in entries((HERE / f"requirements-{name}.txt").read_text()).items():
        assert re.match(rf"{re.escape(package)}==\S+ \\\n(    --hash=sha256:[0-9a-f]{{64}})", entry)


@pytest.mark.parametrize("name", ["cuda", "cpu"])
def test_the_versions_are_those_of_the_constraints(name: str) -> None:
    tested = constraints()
    for package, version in pins(f"requirements-{name}.txt").items():
        if package in tested:
            assert version.removesuffix("+cpu") == tested[package], f"{package}: run make lock"


def test_the_two_locks_differ_in_torch_and_cuda_alone() -> None:
    cuda, cpu = pins("requirements-cuda.txt"), pins("requirements-cpu.txt")
    assert cpu.pop("torch") == f"{cuda.pop('torch')}+cpu"
    assert cpu == {name: version for name, version in cuda.items() if not CUDA_ONLY.fullmatch(name)}


def test_every_name_asked_for_is_locked() -> None:
    lines = (HERE / "requirements.in").read_text().splitlines()
    names = {line for line in lines if line and not line.startswith("#")}
    assert names <= set(pins("requirements-cpu.txt"))


def test_all_that_the_packages_in_the_image_import_is_asked_for() -> None:
    asked = {
        MODULES.get(line, line.replace("-", "_"))
        for line in (HERE / "requirements.in").read_text().splitlines()
    }
    ours = {"container", "serving"}
    for name in ours:
        for path in (ROOT / name).rglob("*.py"):
            missing = imported(path) - asked - ours - set(sys.stdlib_module_names)
            assert not missing, f"{path}: {missing} is not in requirements.in"


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found
