"""The host's NVIDIA driver against the CUDA that torch was built for, before anything loads.

A driver that is too old otherwise shows as an endpoint that stays 'Creating' without a word. A
driver runs every CUDA of its own major version, and all older ones.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from container.driver import Driver, Version, find_driver, initialise

EXIT_CODE = 3  # 1 is a crash, 2 a wrong setting


class AmiVersion(NamedTuple):
    """An InferenceAmiVersion of SageMaker: its driver's branch, and the newest CUDA of that."""

    name: str
    driver: int
    cuda: Version


AMI_VERSIONS = (
    AmiVersion("al2-ami-sagemaker-inference-gpu-2", 535, (12, 2)),
    AmiVersion("al2-ami-sagemaker-inference-gpu-2-1", 535, (12, 2)),
    AmiVersion("al2-ami-sagemaker-inference-gpu-3-1", 550, (12, 4)),
    AmiVersion("al2023-ami-sagemaker-inference-gpu-4-1", 580, (13, 0)),
)


@dataclass(frozen=True)
class Finding:
    """Something that is not as it should be; `stops` if the server could not use the GPU at all."""

    message: str
    stops: bool = True


def check_driver(
    env: Mapping[str, str],
    torch_cuda: Callable[[], Version | None] | None = None,
    find: Callable[[], Driver] = find_driver,
    initialise: Callable[[], int | None] = initialise,
) -> Finding | None:
    """What keeps torch from this host's GPU, and what would help; None when nothing does.

    There is nothing to check with a torch built without CUDA, nor where KEEPWARM_DEVICE is cpu.
    """
    built_for = (torch_cuda or torch_cuda_version)()
    if built_for is None or env.get("KEEPWARM_DEVICE", "").strip() == "cpu":
        return None
    driver = find()
    needed = f"torch in this image needs CUDA {_text(built_for)}"
    if not driver.is_there:
        return _no_gpu(needed)
    offered = driver.library_cuda or driver.module_cuda
    if offered is not None and offered[0] < built_for[0]:
        return Finding(f"{_runs(driver, offered)}, and {needed}: {_remedy(built_for)}")
    if driver.library_cuda is None:
        return _no_library(driver, needed)
    return _check_library(driver, driver.library_cuda, built_for, initialise)


def _check_library(
    driver: Driver, offered: Version, built_for: Version, initialise: Callable[[], int | None]
) -> Finding | None:
    """The library promises enough; whether the module below it keeps that is only known by use."""
    needed = f"torch in this image needs CUDA {_text(built_for)}"
    if driver.module is None and not driver.has_device:
        return None if initialise() == 0 else _no_gpu(needed)
    beyond_module = driver.module_cuda is not None and offered > driver.module_cuda
    if beyond_module and initialise() not in (0, None):
        return Finding(
            f"the CUDA compatibility library for {_text(offered)} in this container does not work "
            f"with the driver of this host, {driver.module}, and {needed}: {_remedy(built_for)}"
        )
    if offered < built_for:
        return Finding(
            f"{_runs(driver, offered)}, and {needed}: kernels compiled at run time may be refused; "
            f"{_remedy(built_for)}",
            stops=False,
        )
    return None


def torch_cuda_version() -> Version | None:
    """The CUDA that torch was built for, read from its version file: importing it takes seconds."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = (Path(spec.origin).parent / "version.py").read_text()
    found = re.search(r"^cuda[^=\n]*= *['\"](\d+)\.(\d+)", text, re.MULTILINE)
    return None if found is None else (int(found[1]), int(found[2]))


def _remedy(built_for: Version) -> str:
    """The oldest AMI whose driver is as new as the image, else the newest of its major version."""
    whole = [ami for ami in AMI_VERSIONS if ami.cuda >= built_for]
    major = [ami for ami in AMI_VERSIONS if ami.cuda[0] == built_for[0]]
    if not whole and not major:
        return "no InferenceAmiVersion has such a driver, so build the image with an older CUDA"
    ami = whole[0] if whole else major[-1]
    return (
        f"set InferenceAmiVersion={ami.name} (driver {ami.driver}, CUDA {_text(ami.cuda)}) in the "
        "production variant of the endpoint's configuration"
    )


def _no_gpu(needed: str) -> Finding:
    return Finding(
        f"no GPU is to be seen here, and {needed}: choose an instance type with a GPU (with "
        "docker: --gpus all), or set KEEPWARM_DEVICE=cpu to compute on the processor"
    )


def _no_library(driver: Driver, needed: str) -> Finding:
    which = f"the NVIDIA driver {driver.module}" if driver.module else "an NVIDIA device"
    return Finding(
        f"this host has {which}, but its library libcuda.so.1 does not answer in this "
        f"container, and {needed}: NVIDIA_DRIVER_CAPABILITIES must contain compute"
    )


def _runs(driver: Driver, offered: Version) -> str:
    version = f", {driver.module}," if driver.module else ""
    return f"the GPU driver of this host{version} runs CUDA up to {_text(offered)}"


def _text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
