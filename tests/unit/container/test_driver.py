"""What a host says of its driver: files, commands and libraries made for the test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from container.driver import Driver, find_driver, initialise, library_cuda

CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC\n"
OPEN = (
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.95.05  Release Build\n"
    "GCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04.2)\n"
)
SHORT = "NVRM version: NVIDIA UNIX Open Kernel Module  570.86"


def find(folder: Path, version: str | None = None, ask: tuple[str, ...] = ("none-such",)) -> Driver:
    path = folder / "version"
    if version is not None:
        path.write_text(version)
    return find_driver(path, folder / "nvidiactl", ask, "libno-such-cuda.so.1")


@pytest.mark.parametrize(
    ("text", "version"), [(CLOSED, "535.183.01"), (OPEN, "580.95.05"), (SHORT, "570.86")]
)
def test_the_kernels_module_tells_its_version(tmp_path: Path, text: str, version: str) -> None:
    assert find(tmp_path, text).module == version


@pytest.mark.parametrize("text", ["", "GCC version: 11.4.0\n", "\x00\xff Kernel Module x.y\n"])
def test_a_file_of_another_kind_tells_nothing(tmp_path: Path, text: str) -> None:
    assert find(tmp_path, text).module is None


def printing(text: str, code: int = 0) -> tuple[str, ...]:
    return (sys.executable, "-S", "-c", f"import sys; print({text!r}); sys.exit({code})")


def test_nvidia_smi_is_asked_where_the_file_is_missing(tmp_path: Path) -> None:
    assert find(tmp_path, ask=printing("550.163.01\n550.163.01")).module == "550.163.01"


@pytest.mark.parametrize(
    "ask",
    [
        printing("NVIDIA-SMI has failed because it couldn't communicate with the driver."),
        printing("550.163.01", code=9),
        printing(""),
    ],
)
def test_an_nvidia_smi_that_fails_tells_nothing(tmp_path: Path, ask: tuple[str, ...]) -> None:
    assert find(tmp_path, ask=ask).module is None


def test_a_host_without_anything_has_no_driver(tmp_path: Path) -> None:
    driver = find(tmp_path)
    assert driver == Driver(module=None, has_device=False, library_cuda=None)
    assert not driver.is_there


def test_a_device_alone_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "nvidiactl").touch()
    driver = find(tmp_path)
    assert driver.has_device
    assert driver.is_there


@pytest.mark.parametrize(
    ("module", "cuda"),
    [
        ("470.256.02", (11, 4)),
        ("535.183.01", (12, 2)),
        ("536.40", (12, 2)),
        ("580.65.06", (13, 0)),
        ("390.157", (11, 0)),
        ("999.1.2", None),
    ],
)
def test_a_branch_of_drivers_has_a_newest_cuda(module: str, cuda: tuple[int, int] | None) -> None:
    assert Driver(module, True, None).module_cuda == cuda


def build_library(folder: Path, version: int, answer: int = 0, init: int = 0) -> str:
    """A libcuda that says what it is told to."""
    compiler = shutil.which("cc") or shutil.which("c++")
    if compiler is None:
        pytest.skip("no compiler to make a stand-in for the driver's library")
    source = folder / "cuda.c"
    source.write_text(
        f"int cuDriverGetVersion(int *version) {{ *version = {version}; return {answer}; }}\n"
        f"int cuInit(unsigned flags) {{ return {init}; }}\n"
    )
    library = folder / "libcuda.so.1"
    subprocess.run([compiler, "-shared", "-x", "c", str(source), "-o", str(library)], check=True)
    return str(library)


@pytest.mark.parametrize(("number", "cuda"), [(13000, (13, 0)), (12020, (12, 2)), (11080, (11, 8))])
def test_the_drivers_library_tells_its_cuda(
    tmp_path: Path, number: int, cuda: tuple[int, int]
) -> None:
    assert library_cuda(build_library(tmp_path, number)) == cuda


@pytest.mark.parametrize(("number", "answer"), [(0, 0), (13000, 3)])
def test_a_library_without_an_answer_is_none(tmp_path: Path, number: int, answer: int) -> None:
    assert library_cuda(build_library(tmp_path, number, answer)) is None


def test_a_file_that_is_no_library_is_none(tmp_path: Path) -> None:
    stub = tmp_path / "libcuda.so.1"
    stub.write_bytes(b"")
    assert library_cuda(str(stub)) is None


@pytest.mark.parametrize("code", [0, 100, 803])
def test_initialising_gives_the_drivers_own_code(tmp_path: Path, code: int) -> None:
    assert initialise(build_library(tmp_path, 13000, init=code)) == code


def test_initialising_what_is_not_there_gives_no_answer() -> None:
    assert initialise("libno-such-cuda.so.1") is None
