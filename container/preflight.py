"""The host's NVIDIA driver against the CUDA that torch was built for, before anything loads.

A driver that is too old otherwise shows as an endpoint that stays 'Creating' without a word.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

Version = tuple[int, int]

NVIDIA_DEVICE = Path("/dev/nvidiactl")
# InferenceAmiVersion of a SageMaker production variant, and the newest CUDA that its driver runs.
AMI_VERSIONS: tuple[tuple[str, Version], ...] = (
    ("al2-ami-sagemaker-inference-gpu-2", (12, 2)),
    ("al2-ami-sagemaker-inference-gpu-3-1", (12, 4)),
    ("al2023-ami-sagemaker-inference-gpu-4-1", (13, 0)),
)


def check_driver(
    device: Path = NVIDIA_DEVICE,
    torch_cuda: Callable[[], Version | None] | None = None,
    driver_cuda: Callable[[], Version | None] | None = None,
) -> str | None:
    """Why torch cannot use this host's GPU, and what would help; None when nothing is wrong.

    Nothing is wrong either on a host without a GPU, or with a torch built without CUDA. A driver
    runs every CUDA of its own major version, and all older ones.
    """
    built_for = (torch_cuda or torch_cuda_version)()
    if built_for is None or not device.exists():
        return None
    offered = (driver_cuda or driver_cuda_version)()
    needed = f"torch needs CUDA {built_for[0]}.{built_for[1]}"
    if offered is None:
        return f"this host has a GPU, but its driver does not answer; {needed}"
    if offered[0] >= built_for[0]:
        return None
    fitting = [name for name, newest in AMI_VERSIONS if newest[0] >= built_for[0]]
    advice = f"set InferenceAmiVersion={fitting[0]}" if fitting else "use a newer driver"
    return (
        f"the GPU driver of this host runs CUDA up to {offered[0]}.{offered[1]}, {needed}: {advice}"
    )


def torch_cuda_version() -> Version | None:
    """The CUDA that torch was built for, read from its version file: importing it takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / "version.py").read_text()
    found = re.search(r"^cuda[^=\n]*= *['\"](\d+)\.(\d+)", text, re.MULTILINE)
    return None if found is None else (int(found[1]), int(found[2]))


def driver_cuda_version() -> Version | None:
    """The newest CUDA that the host's driver runs; None when there is no driver to ask."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return None
    number = ctypes.c_int()
    if driver.cuDriverGetVersion(ctypes.byref(number)) != 0:
        return None
    return number.value // 1000, number.value % 1000 // 10
