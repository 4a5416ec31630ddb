"""One number in all places: what is planned is what engine, container and scaling keep to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from transformers import LlamaConfig

from container.admission import Admission
from container.settings import ContainerSettings
from pipelines.plan.document import parse, render
from pipelines.plan.footprint import Footprint, footprint
from pipelines.plan.identity import Identity
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import InstancePlan, plan_instance
from pipelines.plan.wishes import Wishes
from serving import memory_plan
from serving.config import EngineConfig
from serving.engine.admission import Backlog
from serving.errors import Overloaded
from serving.runner import sizing
from tests.unit.pipelines.plan import configs

INSTANCES = ["ml.g5.2xlarge", "ml.g6e.2xlarge", "ml.p5.48xlarge", "ml.m7i.8xlarge"]


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    return footprint(configs.write(tmp_path_factory.mktemp("llama"), "llama-3.1-8b"))


def planned(llama: Footprint, instance: str, **wishes: Any) -> InstancePlan:
    plan = plan_instance(llama, catalogue().instances[instance], Wishes(**wishes))
    assert plan.limits is not None
    return plan


@pytest.mark.parametrize("instance", INSTANCES)
def test_container_and_engine_take_the_plan_s_settings(llama: Footprint, instance: str) -> None:
    plan = planned(llama, instance)
    assert plan.limits is not None
    container = ContainerSettings.from_env(plan.environment)
    engine = EngineConfig.from_env("/model", plan.environment)
    assert container.max_concurrent == plan.limits.admission
    assert engine.scheduler.max_num_seqs == plan.limits.running
    assert engine.scheduler.max_waiting == plan.limits.waiting
    assert engine.scheduler.max_model_len == plan.limits.context
    assert engine.dtype == plan.dtype


def test_both_doors_close_at_the_same_request(llama: Footprint) -> None:
    plan = planned(llama, "ml.g6e.2xlarge")
    settings = ContainerSettings.from_env(plan.environment)
    scheduler = EngineConfig.from_env("/model", plan.environment).scheduler
    door, backlog = (
        Admission(settings.max_concurrent),
        Backlog(scheduler.max_num_seqs, scheduler.max_waiting),
    )
    for inside in range(46):
        backlog.check(inside)
        door.enter()
    with pytest.raises(Overloaded):
        door.enter()
    with pytest.raises(Overloaded):
        backlog.check(46)


@pytest.mark.parametrize("instance", INSTANCES[:3])
def test_the_engine_makes_the_pool_that_was_planned_on_a_gpu(
    llama: Footprint, instance: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = planned(llama, instance)
    memory = plan.memory
    free = memory.total - memory.overhead - memory.weights
    for name, value in {
        "empty_cache": None,
        "reset_peak_memory_stats": None,
        "memory_allocated": memory.weights,
        "max_memory_allocated": memory.weights + memory.activations,
        "mem_get_info": (free, memory.total),
    }.items():
        monkeypatch.setattr(torch.cuda, name, Mock(return_value=value))
    monkeypatch.setattr(torch, "zeros", Mock())
    assert chosen(plan, llama, "cuda") == plan.num_blocks


def test_the_engine_makes_the_pool_that_was_planned_on_a_cpu(llama: Footprint) -> None:
    plan = planned(llama, "ml.m7i.8xlarge")
    assert chosen(plan, llama, "cpu") == plan.num_blocks


def chosen(plan: InstancePlan, llama: Footprint, device: str) -> int:
    """Blocks that a container with the plan's settings makes for itself."""
    config = EngineConfig.from_env("/model", plan.environment)
    model: Any = Mock(
        device=torch.device(device), config=LlamaConfig(max_position_embeddings=llama.context)
    )
    block_size = sizing.block_size_for(config, torch.device(device))
    assert block_size == plan.block_size
    return sizing.choose_num_blocks(config, llama.spec_in(plan.kv_dtype), block_size, model)


@pytest.mark.parametrize("instance", INSTANCES)
def test_container_engine_and_scaling_have_one_number(llama: Footprint, instance: str) -> None:
    """What a deployment reads of the plan follows from the numbers that a running engine has."""
    plan = planned(llama, instance)
    document = parse(json.dumps(render(Identity("llama", None), llama, [plan], Wishes())))
    scheduler = EngineConfig.from_env("/model", document.environment).scheduler
    again = memory_plan.limits_for(
        plan.num_blocks,
        plan.block_size,
        context=scheduler.max_model_len,
        max_num_seqs=scheduler.max_num_seqs,
    )
    assert again == plan.limits == document.limits
    assert ContainerSettings.from_env(document.environment).max_concurrent == again.admission
    assert document.autoscaling_target == again.scaling_target
    assert document.prefix_aware_threshold == again.prefix_threshold


def test_every_planned_setting_is_one_that_somebody_reads(llama: Footprint) -> None:
    page = (Path(__file__).parents[4] / "docs" / "settings.md").read_text()
    wishes = {"block_size": 128, "utilization": 0.95}
    for instance in INSTANCES:
        for name in planned(llama, instance, **wishes).environment:
            assert f"`{name}`" in page
