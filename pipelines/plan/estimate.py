"""How fast decoding may be, and what a million tokens may cost: an estimate, and called one.

A decoding step reads every weight it needs and the KV of all its sequences once, multiplies, and
starts its kernels: the slower of memory and arithmetic, and the starts. Prefill, sampling, idle
hours and the network are left out. Measure before you promise.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.plan.footprint import DTYPE_BYTES, Footprint
from pipelines.plan.instances import Instance

BANDWIDTH_SHARE = 0.65  # of the data sheet's bandwidth that a decoding step reaches
COMPUTE_SHARE = 0.4  # of the data sheet's arithmetic
FILL = 0.5  # of its context that a session has on average
LAUNCH_S = {"cuda": 4e-4, "cpu": 2e-5}  # a layer's kernels are started from Python on CUDA


@dataclass(frozen=True)
class Throughput:
    """An estimate of one copy at its running limit.

    Attributes:
        tokens_per_s: of all running requests together.
        step_s: seconds from one token to the next, for each of them.
        bound: what holds it back: `memory`, `arithmetic` or `launches`.
    """

    tokens_per_s: float
    step_s: float
    bound: str


def decode_throughput(
    footprint: Footprint,
    instance: Instance,
    *,
    dtype: str,
    kv_bytes_per_token: int,
    running: int,
    context: int,
    tensor: int = 1,
) -> Throughput:
    """Estimate decoding of `running` sessions, on average `FILL` of `context` tokens long.

    `tensor` GPUs share one copy; `kv_bytes_per_token` is what one of them keeps.
    """
    touched = expected_share(footprint, running)
    weights = footprint.weight_bytes(dtype) * touched / tensor
    cached = running * FILL * context * kv_bytes_per_token
    memory = (weights + cached) / (instance.bandwidth_gb_s * 1e9 * BANDWIDTH_SHARE)
    flops = 2 * active_parameters(footprint) * running / tensor
    scale = 1.0 if instance.gpu is None else 2 / DTYPE_BYTES[dtype]  # data sheets: 16-bit on GPUs
    arithmetic = flops / (instance.tflops * 1e12 * scale * COMPUTE_SHARE)
    launches = LAUNCH_S["cuda" if instance.gpu else "cpu"] * len(footprint.spec.layers)
    parts = {"memory": memory, "arithmetic": arithmetic, "launches": launches}
    step = max(memory, arithmetic) + launches
    return Throughput(running / step, step, max(parts, key=lambda name: parts[name]))


def expected_share(footprint: Footprint, running: int) -> float:
    """Share of the weights that a step of `running` tokens reads: of experts, only those chosen."""
    if not footprint.expert_parameters or not footprint.experts:
        return 1.0
    missed = (1 - footprint.experts_a_token / footprint.experts) ** running
    return 1 - missed * footprint.expert_parameters / footprint.parameters


def active_parameters(footprint: Footprint) -> float:
    """Parameters that one token is multiplied by."""
    if not footprint.expert_parameters or not footprint.experts:
        return footprint.parameters
    idle = 1 - footprint.experts_a_token / footprint.experts
    return footprint.parameters - footprint.expert_parameters * idle


def cost_per_million(usd_an_hour: float | None, tokens_per_s: float) -> float | None:
    """USD for a million generated tokens with every copy at its limit; None without a price."""
    if usd_an_hour is None or tokens_per_s <= 0:
        return None
    return usd_an_hour / (tokens_per_s * 3600) * 1e6
