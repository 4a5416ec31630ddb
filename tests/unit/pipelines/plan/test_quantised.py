"""Quantised weights in memory: as small as their files, or widened as they are loaded."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from pipelines.plan.footprint import footprint
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import InstancePlan, plan_instance
from pipelines.plan.quantised import Loading, loading
from pipelines.plan.wishes import Wishes
from tests.unit.pipelines.plan import configs

L40S, A100, CPU = "ml.g6e.xlarge", "ml.p4de.24xlarge", "ml.m7i.48xlarge"


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Names of packages that count as installed; none at first."""
    names: set[str] = set()
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: object() if name in names else None
    )
    return names


def planned(folder: Path, name: str, instance: str, **changes: Any) -> InstancePlan:
    measured = footprint(configs.write(folder, name, **changes))
    return plan_instance(measured, catalogue().instances[instance], Wishes())


@pytest.mark.parametrize(
    ("method", "gpu", "fp8", "expected"),
    [
        ("", True, True, Loading(packed=True)),
        ("gptq", True, True, Loading(packed=True, package="gptqmodel")),
        ("bitsandbytes", True, False, Loading(packed=True, package="bitsandbytes")),
        ("fp8", True, True, Loading(packed=True, package="kernels")),
        ("fp8", True, False, Loading(packed=False)),
        ("fp8", False, False, Loading(packed=False)),
        ("mxfp4", True, True, Loading(packed=False)),
        ("mxfp4", False, False, Loading(packed=False)),
    ],
)
def test_without_their_packages(
    method: str, gpu: bool, fp8: bool, expected: Loading, installed: set[str]
) -> None:
    assert loading(method, gpu=gpu, fp8=fp8) == expected


def test_with_their_packages_they_stay_packed(installed: set[str]) -> None:
    installed |= {"kernels", "gptqmodel"}
    for method in ("fp8", "mxfp4", "gptq", "awq"):
        assert loading(method, gpu=True, fp8=True) == Loading(packed=True)


def test_gpt_oss_takes_three_times_its_files_where_it_is_widened(
    tmp_path: Path, installed: set[str]
) -> None:
    widened = planned(tmp_path, "gpt-oss-20b", A100)
    assert widened.memory.weights == 2 * 20_914_757_184
    assert "mxfp4 weights are widened to 16 bits or more as they are loaded" in widened.notes
    installed.add("kernels")
    packed = planned(tmp_path, "gpt-oss-20b", A100)
    assert 13.5e9 < packed.memory.weights < 14e9  # the published files: 13.76 GB
    assert planned(tmp_path, "gpt-oss-20b", CPU).memory.weights == 4 * 20_914_757_184


def test_fp8_depends_on_the_gpu(tmp_path: Path, installed: set[str]) -> None:
    changes = {"quantization_config": {"quant_method": "fp8"}}
    here, there = (planned(tmp_path, "llama-3.1-8b", one, **changes) for one in (L40S, A100))
    assert there.memory.weights == 2 * 8_030_261_248
    assert here.memory.weights < 0.6 * there.memory.weights
    assert any("need the package kernels in the image" in note for note in here.notes)
    assert any("8 bits a number are an estimate" in note for note in here.notes)
    assert not any("estimate" in note for note in there.notes)
