"""The documents of a run, as its steps write them, for what comes after the steps."""

from __future__ import annotations

import copy
from typing import Any

from pipelines.documents import BENCHMARK, CHECK, EVALUATION, PLAN
from pipelines.plan import document as plan_document
from pipelines.speed import document as speed_document
from pipelines.speed.levels import SpeedPlan, measure_levels
from tests.support.scripted_target import ScriptedTarget, stream_of

INSTANCE = "ml.g6e.2xlarge"
SPEED = SpeedPlan(levels=(1, 4), turns=2, new_tokens=2)
METRICS = {
    "ttft_p50_s": 0.2, "ttft_p95_s": 0.4, "ttft_p99_s": 0.5, "itl_p50_s": 0.02,
    "itl_p95_s": 0.03, "itl_p99_s": 0.05, "tokens_per_s": 100.0, "cached_share": 0.6,
    "truncated_share": 0.0, "failed_share": 0.0,
}  # fmt: skip

Documents = dict[str, dict[str, Any]]


def run_documents(
    *,
    evaluation: dict[str, float | None] | None = None,
    benchmark: dict[str, float | None] | None = None,
    place: str = INSTANCE,
) -> Documents:
    """A run that passes, with some metrics changed."""
    made = {
        CHECK: _check(),
        PLAN: plan(),
        EVALUATION: _evaluation(),
        BENCHMARK: _benchmark(place),
    }
    made[EVALUATION]["metrics"] |= evaluation or {}
    made[BENCHMARK]["metrics"] |= benchmark or {}
    return copy.deepcopy(made)


def plan() -> dict[str, Any]:
    """A plan of one instance, as `pipelines.plan.document.render` makes it."""
    limits = {
        "context": 8192, "warm_sessions": 40, "running": 32, "waiting": 32, "scaling_target": 22,
        "prefix_threshold": 32,
    }  # fmt: skip
    one = {
        "instance": INSTANCE,
        "fits": True,
        "dtype": "bfloat16",
        "kv_dtype": "bfloat16",
        "tensor": 1,
        "copies": 1,
        "limits": {**limits, "admission": 64},
        "preflight": {"status": "ok", "message": "", "ami": "al2023"},
        "price_usd_an_hour": {"sagemaker": 2.5, "ec2": 2.2},
        "usd_per_million_tokens": 0.7,
        "throughput": {"tokens_per_s": 1000.0, "step_s": 0.03, "bound": "memory"},
        "environment": {
            "KEEPWARM_MAX_MODEL_LEN": "8192",
            "KEEPWARM_MAX_NUM_SEQS": "32",
            "KEEPWARM_MAX_WAITING": "32",
            "KEEPWARM_MAX_CONCURRENT": "64",
            "KEEPWARM_DTYPE": "bfloat16",
        },
    }
    model = {"name": "tiny", "sha256": "ab" * 32, "architecture": "LlamaForCausalLM"}
    return {
        "format": plan_document.FORMAT,
        "table": "2026-11-23",
        "model": model,
        "plans": [one],
    }


def _check() -> dict[str, Any]:
    warning = {
        "check": "licence", "status": "warning", "message": "none was found", "fix": "name it",
    }  # fmt: skip
    return {"artifact": "tiny", "accepted": True, "sha256": "ab" * 32, "findings": [warning]}


def _evaluation() -> dict[str, Any]:
    results = [
        {"prompt": "a", "question": "A?", "answer": "yes", "passed": True, "problems": []},
        {
            "prompt": "b <i>", "question": "B?", "answer": "no | <script>x</script>\n`y`",
            "passed": False, "problems": ["contains: it has none of 'yes'"],
        },
    ]  # fmt: skip
    suite = {"name": "basics", "digest": "s1", "prompts": 2, "passed": 1, "results": results}
    passages = [
        {"name": "01-ferry", "tokens": 290, "bits_per_byte": 1.1},
        {"name": "07-inventory", "tokens": 471, "bits_per_byte": 0.6},
    ]
    sample = {"digest": "t1", "tokenizer": "k1", "tokens": 761, "bytes": 2981, "passages": passages}
    metrics = {"perplexity": 12.0, "bits_per_byte": 0.96, "suite_basics": 0.5}
    return {"format": 1, "target": "x", "sample": sample, "suites": [suite], "metrics": metrics}


def _benchmark(place: str) -> dict[str, Any]:
    target = ScriptedTarget(stream=lambda body: stream_of("a", "b", cached=60))
    made = speed_document.render("x", place, SPEED, measure_levels(target, SPEED))
    return {**made, "metrics": dict(METRICS)}
