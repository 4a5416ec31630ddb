"""The plan of one model on one instance type: what lies in memory, what fits, what follows.

    footprint, instance, wishes -> memory -> blocks -> limits -> settings, throughput, cost

Blocks and limits are computed by `serving.memory_plan`, as in the engine itself.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

from pipelines.plan.estimate import Throughput, cost_per_million, decode_throughput
from pipelines.plan.footprint import Footprint
from pipelines.plan.instances import Instance
from pipelines.plan.memory import Memory, plan_memory
from pipelines.plan.notes import notes_on, notes_on_weights
from pipelines.plan.preflight import Preflight, choose
from pipelines.plan.quantised import loading
from pipelines.plan.wishes import Wishes, chosen_dtype, chosen_tensor, planned_context
from serving import memory_plan
from serving.config import CacheConfig
from serving.errors import ConfigError
from serving.memory_plan import GIB, Limits


@dataclass(frozen=True)
class InstancePlan:
    """All that follows for one instance type.

    Attributes:
        memory: of one GPU, or of the host.
        kv_bytes_per_token: on one GPU, or on the host.
        num_blocks, block_size: the KV pool of one copy.
        limits: of one copy; None when not even one session fits.
        copies: of the model on one instance; more than one need inference components.
        throughput, usd_per_million_tokens: estimates; None when nothing fits or has no price.
        instances_needed: for the sessions asked for; None without, or when nothing fits.
        environment: settings by which a container keeps to this plan; empty for a what-if.
        notes: what a reader has to know.
    """

    instance: Instance
    dtype: str
    kv_dtype: str
    tensor: int
    copies: int
    kv_bytes_per_token: int
    memory: Memory
    num_blocks: int
    block_size: int
    limits: Limits | None
    preflight: Preflight
    throughput: Throughput | None = None
    usd_per_million_tokens: float | None = None
    instances_needed: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def fits(self) -> bool:
        """Whether at least one session of the context fits beside the weights."""
        return self.limits is not None

    @property
    def what_if(self) -> bool:
        """Whether it foretells what the paged engine does not do itself."""
        return self.tensor > 1 or self.kv_dtype != self.dtype

    @property
    def usable(self) -> bool:
        """Whether it fits and the image starts there."""
        return self.fits and self.preflight.status != "failed"

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        data: dict[str, object] = dataclasses.asdict(self)
        data["instance"] = self.instance.name
        data["price_usd_an_hour"] = dataclasses.asdict(self.instance.price)
        data["fits"] = self.fits
        data["usable"] = self.usable
        if self.limits is not None:
            data["limits"] = {**dataclasses.asdict(self.limits), "admission": self.limits.admission}
        return data


def plan_instance(footprint: Footprint, instance: Instance, wishes: Wishes) -> InstancePlan:
    """The plan of `footprint` on `instance`.

    Raises:
        PlanError: the wishes cannot be met by any such instance, whatever its memory.
    """
    context = planned_context(footprint, wishes)
    notes = notes_on_weights(footprint, instance)
    footprint = _as_loaded(footprint, instance)
    dtype, tensor = chosen_dtype(instance, wishes), chosen_tensor(footprint, instance, wishes)
    kv_dtype = dtype if wishes.kv_dtype == "auto" else wishes.kv_dtype
    spec = footprint.spec_in(kv_dtype, tensor)
    block_size = memory_plan.block_size_for(wishes.block_size, "cuda" if instance.gpu else "cpu")
    memory = plan_memory(footprint, instance, wishes, dtype=dtype, tensor=tensor)
    num_blocks = memory_plan.num_blocks_for(
        spec,
        memory.kv_room,
        block_size,
        context=footprint.context,
        max_num_seqs=wishes.max_num_seqs,
    )
    enough = not instance.gpu or tensor <= instance.gpus
    plan = InstancePlan(
        instance=instance,
        dtype=dtype,
        kv_dtype=kv_dtype,
        tensor=tensor,
        copies=max(1, instance.gpus // tensor),
        kv_bytes_per_token=spec.bytes_per_token,
        memory=memory,
        num_blocks=num_blocks,
        block_size=block_size,
        limits=_limits(num_blocks, block_size, context, wishes) if enough else None,
        preflight=choose(instance, wishes.image_cuda, wishes.ami),
    )
    notes += notes_on(footprint, plan)
    return dataclasses.replace(_with_work(plan, footprint, wishes), notes=notes)


def _as_loaded(footprint: Footprint, instance: Instance) -> Footprint:
    gpu = instance.gpu
    how = loading(footprint.method, gpu=gpu is not None, fp8=gpu is not None and gpu.fp8)
    return footprint if how.packed else footprint.widened()


def _limits(num_blocks: int, block_size: int, context: int, wishes: Wishes) -> Limits | None:
    try:
        return memory_plan.limits_for(
            num_blocks, block_size, context=context, max_num_seqs=wishes.max_num_seqs
        )
    except ConfigError:  # not one session: the plan says so by its fields
        return None


def _with_work(plan: InstancePlan, footprint: Footprint, wishes: Wishes) -> InstancePlan:
    """Add what follows from the limits: settings, speed, cost, instances."""
    if plan.limits is None:
        return plan
    throughput = decode_throughput(
        footprint,
        plan.instance,
        dtype=plan.dtype,
        kv_bytes_per_token=plan.kv_bytes_per_token,
        running=plan.limits.running,
        context=plan.limits.context,
        tensor=plan.tensor,
    )
    price = plan.instance.price.sagemaker
    together = plan.limits.warm_sessions * plan.copies
    return dataclasses.replace(
        plan,
        throughput=throughput,
        usd_per_million_tokens=cost_per_million(price, throughput.tokens_per_s * plan.copies),
        instances_needed=-(-wishes.sessions // together) if wishes.sessions else None,
        environment={} if plan.what_if else _environment(plan, plan.limits, wishes),
    )


def _environment(plan: InstancePlan, limits: Limits, wishes: Wishes) -> dict[str, str]:
    settings = {**limits.environment(), "KEEPWARM_DTYPE": plan.dtype}
    if wishes.block_size:
        settings["KEEPWARM_BLOCK_SIZE"] = str(wishes.block_size)
    if plan.instance.gpu is None:
        settings["KEEPWARM_KV_CACHE_GIB"] = f"{plan.memory.kv_room / GIB:.2f}"
    elif wishes.utilization != CacheConfig.gpu_memory_utilization:
        settings["KEEPWARM_GPU_MEMORY_UTILIZATION"] = f"{wishes.utilization:g}"
    return settings
