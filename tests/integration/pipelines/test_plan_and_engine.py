"""A real engine, started with the settings of a plan, has the pool and the limits of that plan."""

from __future__ import annotations

from pathlib import Path

from pipelines.plan.footprint import footprint
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import plan_instance
from pipelines.plan.wishes import Wishes
from serving import memory_plan
from serving.config import EngineConfig
from serving.engine.build import build_core


def test_the_pool_of_the_plan_is_the_pool_of_the_engine(default_model: Path) -> None:
    measured = footprint(default_model)
    plan = plan_instance(measured, catalogue().instances["ml.c7i.xlarge"], Wishes(context=2048))
    config = EngineConfig.from_env(default_model, plan.environment)
    _, info = build_core(config, lambda phase: None)
    assert (info.total_blocks, info.block_size) == (plan.num_blocks, plan.block_size)
    assert plan.limits is not None
    assert info.max_model_len == plan.limits.context
    assert info.dtype == plan.dtype
    limits = memory_plan.limits_for(
        info.total_blocks,
        info.block_size,
        context=info.max_model_len,
        max_num_seqs=config.scheduler.max_num_seqs,
    )
    assert limits == plan.limits
