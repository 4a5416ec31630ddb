"""plan.json as `keepwarm plan --json` prints it, without a model and without torch."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from serving.memory_plan import Limits, limits_for

INSTANCE = "ml.g6e.2xlarge"
AMI = "al2023-ami-sagemaker-inference-gpu-4-1"


def limits(num_blocks: int = 1040) -> Limits:
    """The limits of a pool of blocks of 256 tokens, with sessions of 8192."""
    return limits_for(num_blocks, 256, context=8192, max_num_seqs=64)


def plan_document(
    num_blocks: int = 1040, *, instance: str = INSTANCE, copies: int = 1
) -> dict[str, Any]:
    """A plan for one instance type."""
    held = limits(num_blocks)
    plan = {
        "instance": instance,
        "dtype": "bfloat16",
        "kv_dtype": "bfloat16",
        "tensor": 1,
        "copies": copies,
        "fits": True,
        "limits": {**asdict(held), "admission": held.admission},
        "preflight": {"status": "ok", "ami": AMI, "message": "driver 580 runs it"},
        "price_usd_an_hour": {"sagemaker": None, "ec2": None},
        "usd_per_million_tokens": None,
        "throughput": {"tokens_per_s": 900.0},
        "environment": {**held.environment(), "KEEPWARM_DTYPE": "bfloat16"},
    }
    model = {"name": "chat", "sha256": "ab" * 32, "architecture": "LlamaForCausalLM"}
    return {"format": 1, "table": "2026-11", "model": model, "plans": [plan]}
