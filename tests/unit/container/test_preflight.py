"""The driver check at the start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from container.driver import Driver
from container.preflight import AMI_VERSIONS, EXIT_CODE, Finding, check_driver, torch_cuda_version

ROOT = Path(__file__).parents[3]
Version = tuple[int, int]
NOTHING = Driver(module=None, has_device=False, library_cuda=None)
NEWEST_AMI = "InferenceAmiVersion=al2023-ami-sagemaker-inference-gpu-4-1"


def host(module: str | None, library: Version | None, device: bool = True) -> Driver:
    return Driver(module, device, library)


def check(
    driver: Driver,
    torch: Version | None = (13, 0),
    initialised: int | None = 0,
    **env: str,
) -> Finding | None:
    return check_driver(env, lambda: torch, lambda: driver, lambda: initialised)


def complaint(driver: Driver, torch: Version = (13, 0), initialised: int | None = 0) -> str:
    finding = check(driver, torch, initialised)
    assert finding is not None
    assert finding.stops
    return finding.message


@pytest.mark.parametrize("driver", [(12, 6), (12, 8), (13, 0), (14, 1)])
def test_a_driver_as_new_as_torch_will_do(driver: Version) -> None:
    assert check(host(None, driver), (12, 6)) is None


def test_an_older_driver_of_the_same_major_version_is_worth_a_word_but_runs() -> None:
    finding = check(host("580.95.05", (13, 0)), (13, 2))
    assert finding is not None
    assert not finding.stops
    assert "compiled at run time" in finding.message
    assert NEWEST_AMI in finding.message


@pytest.mark.parametrize(
    ("module", "library"),
    [("535.183.01", (12, 2)), ("550.163.01", (12, 4)), ("470.256.02", (11, 4))],
)
def test_an_old_driver_is_named_with_the_ami_to_choose(module: str, library: Version) -> None:
    said = complaint(host(module, library))
    assert module in said
    assert f"up to {library[0]}.{library[1]}" in said
    assert "needs CUDA 13.0" in said
    assert NEWEST_AMI in said


def test_a_lower_cuda_gets_the_oldest_ami_that_is_new_enough() -> None:
    assert "gpu-3-1 (driver 550, CUDA 12.4)" in complaint(host("470.256.02", (11, 4)), (12, 4))


def test_no_ami_is_named_when_none_is_new_enough() -> None:
    said = complaint(host("580.95.05", (13, 0)), (14, 0))
    assert "no InferenceAmiVersion" in said
    assert "older CUDA" in said


def test_without_its_library_the_module_alone_tells_that_a_driver_is_too_old() -> None:
    assert NEWEST_AMI in complaint(host("550.163.01", None))


@pytest.mark.parametrize("module", ["580.95.05", "999.10.01", None])
def test_a_good_driver_without_its_library_is_a_fault_of_the_container(module: str | None) -> None:
    said = complaint(host(module, None))
    assert "libcuda.so.1 does not answer" in said
    assert "NVIDIA_DRIVER_CAPABILITIES" in said
    assert "InferenceAmiVersion" not in said


def test_a_compatibility_library_is_believed_when_it_works() -> None:
    assert check(host("535.183.01", (13, 0)), initialised=0) is None


def test_a_compatibility_library_that_does_not_work_is_said() -> None:
    said = complaint(host("470.256.02", (13, 0)), initialised=803)
    assert "compatibility library" in said
    assert "470.256.02" in said
    assert NEWEST_AMI in said


def test_a_driver_that_is_slow_to_start_is_not_turned_away() -> None:
    assert check(host("535.183.01", (13, 0)), initialised=None) is None


def test_a_driver_newer_than_our_table_needs_no_trial() -> None:
    trials: list[int] = []
    assert check_driver(
        {}, lambda: (13, 0), lambda: host("999.10.01", (19, 0)), lambda: trials.append(1)
    ) is (None)
    assert trials == []


def test_a_host_without_a_gpu_says_what_to_do() -> None:
    said = complaint(NOTHING)
    assert "no GPU" in said
    assert "KEEPWARM_DEVICE=cpu" in said


def test_a_library_in_the_image_is_no_gpu() -> None:
    assert "no GPU" in complaint(host(None, (13, 0), device=False), initialised=100)


def test_a_gpu_that_shows_no_device_file_is_a_gpu_if_it_works() -> None:
    assert check(host(None, (13, 0), device=False), initialised=0) is None


def test_the_processor_can_be_asked_for() -> None:
    assert check(NOTHING, KEEPWARM_DEVICE="cpu") is None
    assert check(host("470.256.02", (11, 4)), KEEPWARM_DEVICE="cpu") is None


@pytest.mark.parametrize("device", ["auto", "cuda", "cuda:0", ""])
def test_no_other_device_leaves_the_check_out(device: str) -> None:
    assert check(NOTHING, KEEPWARM_DEVICE=device) is not None


def test_a_torch_without_cuda_needs_no_driver() -> None:
    assert check(NOTHING, torch=None) is None


def test_torchs_version_file_is_read_without_importing_torch() -> None:
    version = torch_cuda_version()
    assert version is None or version >= (11, 0)


def test_the_plan_knows_the_same_amis() -> None:
    from pipelines.plan.instances import catalogue

    theirs = {(ami.name, ami.driver, ami.cuda) for ami in catalogue().amis}
    assert theirs == {tuple(ami) for ami in AMI_VERSIONS}


def test_the_base_images_cuda_is_one_that_some_ami_runs() -> None:
    found = re.search(r"BASE_IMAGE=nvidia/cuda:(\d+)\.(\d+)", (ROOT / "Dockerfile").read_text())
    assert found is not None
    assert any(ami.cuda >= (int(found[1]), int(found[2])) for ami in AMI_VERSIONS)


def _serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The entry point beside a torch that was built for a CUDA that no driver here has."""
    torch = folder / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text("raise SystemExit('torch was imported')\n")
    (torch / "version.py").write_text("cuda: str = '99.0'\n")
    return subprocess.run(
        [sys.executable, str(ROOT / "container" / "serve"), *arguments],
        env={**os.environ, "PYTHONPATH": str(folder), "KEEPWARM_DEVICE": "auto"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_entry_point_ends_with_one_line_before_anything_loads(tmp_path: Path) -> None:
    ended = _serve(tmp_path, "serve")
    assert ended.returncode == EXIT_CODE
    assert ended.stderr.startswith("keepwarm: ")
    assert ended.stderr.count("\n") == 1
    assert "needs CUDA 99.0" in ended.stderr
    assert ended.stdout == ""


def test_the_entry_point_knows_one_command(tmp_path: Path) -> None:
    ended = _serve(tmp_path, "train")
    assert ended.returncode == 2
    assert "'serve'" in ended.stderr
