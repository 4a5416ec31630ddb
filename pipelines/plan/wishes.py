"""What is asked of a plan, checked once."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.errors import PlanError
from pipelines.plan.footprint import DTYPE_BYTES, KV_DTYPE_BYTES, Footprint
from pipelines.plan.instances import Instance, Version
from pipelines.plan.preflight import IMAGE_CUDA
from serving import memory_plan
from serving.config import CacheConfig, SchedulerConfig

DEFAULT_CONTEXT = 8192


@dataclass(frozen=True)
class Wishes:
    """What is asked of a plan; `auto` and 0 mean: choose."""

    context: int = 0
    sessions: int = 0
    dtype: str = "auto"
    kv_dtype: str = "auto"
    tensor: int = 1
    block_size: int = 0
    max_num_seqs: int = SchedulerConfig.max_num_seqs
    utilization: float = CacheConfig.gpu_memory_utilization
    image_cuda: Version = IMAGE_CUDA
    ami: str | None = None

    def __post_init__(self) -> None:
        for name in ("context", "sessions", "block_size"):
            _require(getattr(self, name) >= 0, f"{name} must be 0 or more")
        _require(self.tensor >= 1, "tensor must be 1 or more")
        most = memory_plan.MOST_RUNNING
        _require(1 <= self.max_num_seqs <= most, f"max_num_seqs must be from 1 to {most}")
        _require(0 < self.utilization <= 1, "utilization must be in (0, 1]")
        _require(self.dtype in ("auto", *DTYPE_BYTES), f"dtype must be auto or of {[*DTYPE_BYTES]}")
        known = self.kv_dtype in ("auto", *KV_DTYPE_BYTES)
        _require(known, f"kv_dtype must be auto or of {[*KV_DTYPE_BYTES]}")


def planned_context(footprint: Footprint, wishes: Wishes) -> int:
    """Tokens of a session: as asked, else 8192, and never more than the model can.

    Raises:
        PlanError: more is asked for than the model was made for.
    """
    if wishes.context > footprint.context:
        raise PlanError(
            f"a context of {wishes.context} is asked for and the model was made for "
            f"{footprint.context} tokens: ask for that or less"
        )
    return wishes.context or min(DEFAULT_CONTEXT, footprint.context)


def chosen_dtype(instance: Instance, wishes: Wishes) -> str:
    """Precision of the weights: as asked, else what the instance computes well."""
    if wishes.dtype != "auto":
        return wishes.dtype
    if instance.gpu is None:
        return "float32"
    return "bfloat16" if instance.gpu.bfloat16 else "float16"


def chosen_tensor(footprint: Footprint, instance: Instance, wishes: Wishes) -> int:
    """GPUs that share one copy.

    Raises:
        PlanError: the attention heads cannot be shared by so many.
    """
    if instance.gpu is None:
        return 1
    if footprint.query_heads % wishes.tensor:
        raise PlanError(
            f"{footprint.query_heads} attention heads cannot be shared by {wishes.tensor} GPUs: "
            "choose a divisor"
        )
    return wishes.tensor


def _require(ok: bool, sentence: str) -> None:
    if not ok:
        raise PlanError(sentence)
