"""The instance type and the model that a simulated engine stands for.

The model is Llama 3.1 8B by the shapes its makers publish; limits, blocks and settings are those of
`keepwarm plan` for it, so that a simulated engine is configured as a deployed one would be.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from pipelines.plan.estimate import BANDWIDTH_SHARE, COMPUTE_SHARE, LAUNCH_S
from pipelines.plan.footprint import Footprint
from pipelines.plan.instances import catalogue
from pipelines.plan.plan import InstancePlan, plan_instance
from pipelines.plan.wishes import Wishes
from serving import memory_plan
from serving.errors import ConfigError
from serving.kv_cache.spec import CacheSpec, LayerSpec
from serving.memory_plan import GIB, Limits

LLAMA_8B = Footprint(
    architecture="LlamaForCausalLM",
    parameters=8_030_261_248,
    expert_parameters=0,
    experts=0,
    experts_a_token=0,
    stored=None,
    spec=CacheSpec((LayerSpec(8, 128, 128, 32),) * 32, 2),
    context=131_072,
    hidden=4096,
    widest=14_336,
    vocabulary=128_256,
    query_heads=32,
    embedding_parameters=128_256 * 4096,
)

PCIE_BYTES_S = 32e9  # data sheets of L4, A10G and L40S: Gen4 x16, 64 GB/s both ways together
PCIE_SHARE = 0.65  # that a copy reaches; assumed, as for memory in pipelines/plan/estimate.py
HOST_SHARE = 0.5  # of the instance's memory that a host tier may take; assumed


@dataclass(frozen=True)
class Device:
    """What a simulated engine needs to know of its hardware; sizes of one copy of the model.

    Attributes:
        limits: of the memory plan: context, running and waiting requests.
        bandwidth, flops: that a step reaches, in bytes and operations a second.
        launch_s: what starting the kernels of a step takes.
        host_blocks: blocks that the host tier would hold.
        restore_bandwidth: bytes a second from host to device.
    """

    name: str
    num_blocks: int
    block_size: int
    token_budget: int
    limits: Limits
    weight_bytes: int
    kv_bytes_per_token: int
    flops_per_token: float
    flops_per_pair: float
    bandwidth: float
    flops: float
    launch_s: float
    host_blocks: int
    restore_bandwidth: float

    @property
    def capacity_tokens(self) -> int:
        """Tokens whose keys and values the pool holds."""
        return self.num_blocks * self.block_size

    @property
    def block_bytes(self) -> int:
        """Bytes of one block."""
        return self.block_size * self.kv_bytes_per_token


@functools.cache
def device_of(name: str) -> Device:
    """The device of an instance type with a GPU, `ml.g6e.2xlarge`.

    Raises:
        PlanError: the table of instances does not have it.
        ConfigError: it has no GPU, or the model does not fit.
    """
    (instance,) = catalogue().select([name])
    plan = plan_instance(LLAMA_8B, instance, Wishes())
    if instance.gpu is None or plan.limits is None:
        raise ConfigError(f"{name} has no GPU with room for {LLAMA_8B.architecture} 8B")
    return _device(plan, plan.limits)


def _device(plan: InstancePlan, limits: Limits) -> Device:
    model, instance = LLAMA_8B, plan.instance
    layers = len(model.spec.layers)
    head_dim = model.spec.layers[0].key_dim
    block_bytes = plan.block_size * plan.kv_bytes_per_token
    return Device(
        name=instance.name,
        num_blocks=plan.num_blocks,
        block_size=plan.block_size,
        token_budget=memory_plan.token_budget_for(0, "cuda"),
        limits=limits,
        weight_bytes=model.weight_bytes(plan.dtype),
        kv_bytes_per_token=plan.kv_bytes_per_token,
        flops_per_token=2.0 * model.parameters,
        flops_per_pair=4.0 * layers * model.query_heads * head_dim,
        bandwidth=instance.bandwidth_gb_s * 1e9 * BANDWIDTH_SHARE,
        flops=instance.tflops * 1e12 * COMPUTE_SHARE,
        launch_s=LAUNCH_S["cuda"] * layers,
        host_blocks=int(HOST_SHARE * instance.ram_gib * GIB / plan.copies) // block_bytes,
        restore_bandwidth=PCIE_BYTES_S * PCIE_SHARE,
    )
