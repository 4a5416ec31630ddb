from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.fleet_model.device import LLAMA_8B, Device, device_of
from benchmarks.fleet_model.latency import MeasuredCpu, Roofline
from pipelines.errors import PlanError
from pipelines.plan.footprint import footprint
from serving.errors import ConfigError
from serving.sampling_params import SamplingParams
from serving.scheduler.output import ScheduledChunk
from tests.unit.pipelines.plan.configs import CONFIGS


def device() -> Device:
    return device_of("ml.g6e.2xlarge")


def chunk(count: int, start: int = 0) -> ScheduledChunk:
    tokens = [0] * (start + count)
    return ScheduledChunk("one", tokens[start:], start, [], True, SamplingParams(), tokens, [])


def test_the_model_is_the_one_that_its_makers_published(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIGS["llama-3.1-8b"]))
    measured = footprint(config)
    assert replace(measured, spec=LLAMA_8B.spec) == LLAMA_8B
    assert measured.spec.bytes_per_token == LLAMA_8B.spec.bytes_per_token
    assert len(measured.spec.layers) == len(LLAMA_8B.spec.layers)


def test_an_engine_is_set_up_as_the_memory_plan_says() -> None:
    assert device().limits.context == 8192
    assert device().limits.running == device().capacity_tokens // 8192
    assert device().block_size == 256


@pytest.mark.parametrize("latency", [Roofline(device()), MeasuredCpu()])
def test_more_work_never_takes_less_time(latency: Roofline | MeasuredCpu) -> None:
    assert latency.step_s([]) == 0
    by_tokens = [latency.step_s([chunk(count)]) for count in (2, 64, 512, 4096)]
    by_history = [latency.step_s([chunk(1, start)]) for start in (0, 512, 4096)]
    by_sequences = [latency.step_s([chunk(1, 1000)] * count) for count in (1, 4, 16)]
    for seconds in (by_tokens, by_history, by_sequences):
        assert seconds == sorted(seconds)
        assert 0 < seconds[0] < seconds[-1]


def test_a_decoding_step_takes_what_the_plan_estimates() -> None:
    """Half a context each, as in pipelines/plan/estimate.py, at the plan's running limit."""
    latency = Roofline(device())
    step = latency.step_s([chunk(1, 4095)] * device().limits.running)
    assert step == pytest.approx(0.0634, rel=0.01)


def test_the_cpu_takes_what_was_measured_there() -> None:
    """benchmarks/README.md: 16 decoding sequences of 600 tokens, 26 + 7 + 9 + 2 ms."""
    assert MeasuredCpu().step_s([chunk(1, 599)] * 16) == pytest.approx(0.044)
    assert MeasuredCpu().step_s([chunk(100)]) == pytest.approx(0.145)


def test_a_cpu_and_a_gpu_that_is_too_small_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"ml\.c7i\.xlarge has no GPU"):
        device_of("ml.c7i.xlarge")
    with pytest.raises(ConfigError, match=r"ml\.g4dn\.xlarge has no GPU with room"):
        device_of("ml.g4dn.xlarge")
    with pytest.raises(PlanError, match="not in the table"):
        device_of("ml.nothing")
