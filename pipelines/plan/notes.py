"""What a reader of a plan has to know beside its numbers, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.plan.footprint import Footprint
from pipelines.plan.instances import Instance
from pipelines.plan.quantised import loading

if TYPE_CHECKING:
    from pipelines.plan.plan import InstancePlan

PAGE = 256  # tokens: the paged attention kernel takes multiples of it


def notes_on_weights(footprint: Footprint, instance: Instance) -> list[str]:
    """How quantised weights are loaded there; nothing for plain ones."""
    method, gpu = footprint.method, instance.gpu
    if not method:
        return []
    how = loading(method, gpu=gpu is not None, fp8=gpu is not None and gpu.fp8)
    if not how.packed:
        return [f"{method} weights are widened to 16 bits or more as they are loaded"]
    notes = []
    if how.package:
        notes.append(
            f"{method} weights need the package {how.package} in the image: it is not here"
        )
    if footprint.packed_bits:
        notes.append(f"quantised weights: {footprint.packed_bits:g} bits a number are an estimate")
    return notes


def notes_on(footprint: Footprint, plan: InstancePlan) -> list[str]:
    """What the cache, the GPU and the what-ifs of `plan` mean."""
    notes = [
        f"{layers} layers attend to {window} tokens; the pool keeps all tokens of all layers"
        for window, layers in footprint.windows.items()
    ]
    if footprint.latent_values:
        notes.append(
            "the pool keeps the keys and values of all heads; their latent would be "
            f"{footprint.latent_values} numbers a token"
        )
    if plan.kv_dtype != plan.dtype:
        notes.append(f"the engine keeps KV in {plan.dtype}: {plan.kv_dtype} is only planned here")
    return notes if plan.instance.gpu is None else notes + _on_gpu(plan)


def _on_gpu(plan: InstancePlan) -> list[str]:
    gpu, notes = plan.instance.gpu, []
    if gpu is None:
        return []
    if plan.tensor > plan.instance.gpus:
        notes.append(f"it has {plan.instance.gpus} GPUs, fewer than the {plan.tensor} asked for")
    if plan.tensor > 1:
        notes.append("the paged engine runs on one GPU: a shared copy is only planned here")
    if plan.copies > 1:
        notes.append(f"{plan.copies} copies side by side need inference components")
    if not gpu.flash:
        notes.append(f"{gpu.name} lacks the paged attention kernel: the slow reference is used")
    elif plan.dtype == "float32":
        notes.append("the paged attention kernel has no float32: the slow reference is used")
    elif plan.block_size % PAGE:
        notes.append(f"the paged attention kernel takes blocks of {PAGE} tokens: the slow "
                     "reference may be used")  # fmt: skip
    if plan.dtype == "bfloat16" and not gpu.bfloat16:
        notes.append(f"{gpu.name} computes bfloat16 slowly: choose float16")
    return notes
