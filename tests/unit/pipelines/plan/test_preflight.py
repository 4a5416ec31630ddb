"""Image x instance x AMI: what starts, what does not, and what to set."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from container.preflight import AMI_VERSIONS
from pipelines.errors import PlanError
from pipelines.plan.instances import catalogue
from pipelines.plan.preflight import IMAGE_CUDA, choose, preflight

NEWEST = "al2023-ami-sagemaker-inference-gpu-4-1"
GPU_3 = "al2-ami-sagemaker-inference-gpu-3-1"
GPU_2 = "al2-ami-sagemaker-inference-gpu-2-1"
CONSTRAINTS = Path(__file__).parents[4] / "constraints.txt"


@pytest.mark.parametrize(
    ("instance", "cuda", "ami", "status", "advice"),
    [
        ("ml.g5.xlarge", (13, 0), None, "failed", NEWEST),
        ("ml.g5.xlarge", (13, 0), NEWEST, "ok", NEWEST),
        ("ml.g6e.2xlarge", (13, 0), GPU_3, "failed", NEWEST),
        ("ml.g5.xlarge", (11, 4), None, "ok", None),
        ("ml.g5.xlarge", (11, 8), None, "warning", GPU_2),
        ("ml.g5.xlarge", (12, 1), None, "failed", GPU_2),
        ("ml.g6.xlarge", (12, 4), None, "warning", GPU_3),
        ("ml.g6.xlarge", (12, 8), GPU_3, "warning", NEWEST),
        ("ml.g6.xlarge", (12, 2), NEWEST, "ok", NEWEST),
        ("ml.p5e.48xlarge", (12, 2), GPU_2, "failed", GPU_3),
        ("ml.p5e.48xlarge", (12, 4), None, "ok", None),
        ("ml.p5.48xlarge", (13, 2), NEWEST, "warning", NEWEST),
        ("ml.p5.48xlarge", (14, 0), NEWEST, "failed", None),
        ("ml.c7i.2xlarge", (13, 0), None, "ok", None),
        ("ml.c7i.2xlarge", (13, 0), NEWEST, "failed", None),
    ],
)
def test_every_combination_has_its_answer(
    instance: str, cuda: tuple[int, int], ami: str | None, status: str, advice: str | None
) -> None:
    answer = preflight(catalogue().instances[instance], cuda, ami)
    assert (answer.status, answer.ami) == (status, advice)
    if advice and status == "failed":
        assert answer.message.endswith(f"set InferenceAmiVersion={advice}")


def test_an_image_too_new_for_any_driver_says_so() -> None:
    answer = preflight(catalogue().instances["ml.p5.48xlarge"], (14, 0), None)
    assert "build the image on an older CUDA" in answer.message


def test_an_unknown_ami_names_the_known_ones() -> None:
    with pytest.raises(PlanError, match=f"'gpu-5' is unknown.*{NEWEST}"):
        preflight(catalogue().instances["ml.g5.xlarge"], (13, 0), "gpu-5")


def test_a_deployment_that_may_set_its_ami_gets_the_right_one() -> None:
    for one in catalogue().instances.values():
        answer = choose(one)
        assert answer.status == "ok"
        assert answer.ami == (NEWEST if one.gpu else None)


def test_default_means_that_nothing_is_set() -> None:
    assert choose(catalogue().instances["ml.g5.xlarge"], ami="default").status == "failed"


def test_the_container_s_own_preflight_knows_the_same_drivers() -> None:
    table = {ami.name: ami.cuda for ami in catalogue().amis}
    for ami in AMI_VERSIONS:
        assert table[ami[0]] == ami[-1]


def test_the_image_s_cuda_is_that_of_the_pinned_torch() -> None:
    """torch 2.13.0 from the package index is built for CUDA 13.0."""
    pinned = re.search(r"^torch==(.*)$", CONSTRAINTS.read_text(), re.MULTILINE)
    assert pinned is not None
    assert {"2.13.0": (13, 0)}[pinned[1]] == IMAGE_CUDA
