"""The driver check at the start."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.preflight import check_driver, torch_cuda_version

GPU = Path("/dev/null")  # stands for a device that is there


@pytest.mark.parametrize("driver", [(12, 2), (12, 4), (13, 0)])
def test_a_driver_of_the_same_or_a_newer_major_version_will_do(driver: tuple[int, int]) -> None:
    assert check_driver(GPU, lambda: (12, 6), lambda: driver) is None


def test_an_old_driver_is_named_with_the_image_to_choose() -> None:
    complaint = check_driver(GPU, lambda: (13, 0), lambda: (12, 4))
    assert complaint is not None
    assert "12.4" in complaint
    assert "InferenceAmiVersion=al2023-ami-sagemaker-inference-gpu-4-1" in complaint


def test_a_driver_that_does_not_answer_is_said() -> None:
    assert "does not answer" in (check_driver(GPU, lambda: (12, 6), lambda: None) or "")


def test_no_gpu_or_a_torch_without_cuda_is_fine() -> None:
    assert check_driver(Path("/dev/no-such-gpu"), lambda: (12, 6), lambda: None) is None
    assert check_driver(GPU, lambda: None, lambda: None) is None


def test_torchs_version_file_is_read_without_importing_torch() -> None:
    version = torch_cuda_version()
    assert version is None or version >= (11, 0)
