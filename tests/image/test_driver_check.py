"""The driver check in the image, with a torch that says it was built for CUDA."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from container.preflight import EXIT_CODE
from tests.image.conftest import StartContainer
from tests.image.running import Image
from tests.image.test_serving import fake_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2400)]


@pytest.fixture
def cuda_torch(image: Image, tmp_path: Path) -> dict[str, Path]:
    """What to mount for torch's CUDA build: the file that says so."""
    (version,) = (image.root / "opt/keepwarm/venv/lib").glob(
        "python3.*/site-packages/torch/version.py"
    )
    changed = tmp_path / "version.py"
    text, times = re.subn(r"(?m)^(cuda\b[^=]*)= None$", r"\1= '13.0'", version.read_text())
    assert times == 1
    changed.write_text(text)
    return {f"/{version.relative_to(image.root)}": changed}


@pytest.fixture
def old_driver(tmp_path: Path) -> dict[str, Path]:
    """What to mount for the library of a driver that runs CUDA 12.2."""
    compiler = shutil.which("cc") or shutil.which("c++")
    assert compiler is not None, "a compiler makes the stand-in for the driver's library"
    source = tmp_path / "cuda.c"
    source.write_text("int cuDriverGetVersion(int *version) { *version = 12020; return 0; }\n")
    folder = tmp_path / "driver"
    folder.mkdir()
    output = str(folder / "libcuda.so.1")
    command = [compiler, "-shared", "-nostdlib", "-fPIC", "-x", "c", str(source), "-o", output]
    subprocess.run(command, check=True)
    return {"/tmp/driver": folder}


def test_no_gpu_is_said_at_once(
    start_container: StartContainer, cuda_torch: dict[str, Path], tmp_path: Path
) -> None:
    container = start_container(fake_model(tmp_path, '"hello"'), mounts=cuda_torch)
    assert container.wait() == EXIT_CODE
    assert container.log.startswith("keepwarm: no GPU")
    assert container.log.count("\n") == 1


def test_an_old_driver_is_said_with_the_ami_to_choose(
    start_container: StartContainer,
    cuda_torch: dict[str, Path],
    old_driver: dict[str, Path],
    tmp_path: Path,
) -> None:
    container = start_container(
        fake_model(tmp_path, '"hello"'),
        mounts={**cuda_torch, **old_driver},
        env={"LD_LIBRARY_PATH": "/tmp/driver"},
    )
    assert container.wait() == EXIT_CODE
    assert "up to 12.2" in container.log
    assert "InferenceAmiVersion=al2023-ami-sagemaker-inference-gpu-4-1" in container.log
    assert container.log.count("\n") == 1


def test_the_processor_serves_where_it_is_asked_for(
    start_container: StartContainer, cuda_torch: dict[str, Path], tmp_path: Path
) -> None:
    container = start_container(
        fake_model(tmp_path, '"hello"'), mounts=cuda_torch, env={"KEEPWARM_DEVICE": "cpu"}
    )
    assert container.wait_ready().ping() == 200
