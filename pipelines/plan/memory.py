"""What lies in memory beside the KV cache, and so how much is left for it.

CUDA  | reserve | driver | weights | activations |      KV      |
CPU   | system | processes, packed head | weights | activations | KV, nine tenths of the rest |
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.plan.footprint import DTYPE_BYTES, Footprint
from pipelines.plan.instances import Instance
from pipelines.plan.wishes import Wishes
from serving import memory_plan
from serving.memory_plan import GIB

CUDA_CONTEXT = int(0.6 * GIB)  # driver, cuBLAS workspaces, fragments
PROCESS_BYTES = 2 * GIB  # interpreter and libraries of the two processes
CPU_USABLE = 0.92  # of a host's memory: the rest is the operating system's and the platform's
CPU_KV_SHARE = 0.9  # of what is left, when the instance serves this model alone


@dataclass(frozen=True)
class Memory:
    """Bytes on one GPU, or in the host's memory on CPU types. They add up to `total`."""

    total: int
    reserve: int
    overhead: int
    weights: int
    activations: int
    kv_room: int


def plan_memory(
    footprint: Footprint, instance: Instance, wishes: Wishes, *, dtype: str, tensor: int
) -> Memory:
    """Bytes on one GPU of `instance`, or in its memory."""
    weights = -(-footprint.weight_bytes(dtype) // tensor)
    device = "cuda" if instance.gpu else "cpu"
    activations = activation_bytes(footprint, device, dtype, wishes.max_num_seqs)
    if instance.gpu is None:
        return _cpu_memory(footprint, instance, weights, activations)
    total = instance.gpu.memory_bytes
    free = total - CUDA_CONTEXT - weights
    return Memory(
        total=total,
        reserve=int((1 - wishes.utilization) * total),
        overhead=CUDA_CONTEXT,
        weights=weights,
        activations=activations,
        kv_room=memory_plan.cuda_kv_room(total, free, activations, wishes.utilization),
    )


def activation_bytes(footprint: Footprint, device: str, dtype: str, max_num_seqs: int) -> int:
    """The largest step's peak beside weights and KV.

    A layer holds its input, what the norms, projections and rotary make of it, and three of its
    widest intermediates (gate, up, their product); the sampler three copies of fp32 logits.
    """
    rows = memory_plan.token_budget_for(0, device)
    a_row = (8 * footprint.hidden + 3 * footprint.widest) * DTYPE_BYTES[dtype]
    return rows * a_row + 3 * max_num_seqs * footprint.vocabulary * 4


def _cpu_memory(footprint: Footprint, instance: Instance, weights: int, activations: int) -> Memory:
    total = instance.ram_gib * GIB
    reserve = int((1 - CPU_USABLE) * total)
    overhead = PROCESS_BYTES + footprint.embedding_parameters * 4  # the head, packed once more
    left = max(0, total - reserve - overhead - weights - activations)
    setting = cpu_setting(left)
    room = memory_plan.cpu_kv_room(setting, left) if setting else 0
    return Memory(total, reserve, overhead, weights, activations, room)


def cpu_setting(left: int) -> float:
    """KEEPWARM_KV_CACHE_GIB where `left` bytes are free: two decimals, rounded down."""
    return int(CPU_KV_SHARE * left / GIB * 100) / 100
