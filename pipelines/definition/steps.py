"""Names that the definition and those who read its executions share."""

from __future__ import annotations

BUILD_IMAGE = "BuildImage"
VALIDATE = "ValidateWeights"
MODEL = "StagingModel"
CONFIG = "StagingConfig"
ENDPOINT = "StagingEndpoint"
EVALUATE = "Evaluate"
BENCHMARK = "Benchmark"
JUDGE = "Judge"
GATE = "Gate"
REGISTER = "Register"
REJECTED = "Rejected"
TEARDOWN = "Teardown"

ORDER = (
    BUILD_IMAGE,
    VALIDATE,
    MODEL,
    CONFIG,
    ENDPOINT,
    EVALUATE,
    BENCHMARK,
    JUDGE,
    GATE,
    REGISTER,
    TEARDOWN,
)
"""The steps of an execution that goes well."""

RESULTS = "executions"
"""Folder of the bucket; below it, one folder for each execution."""

EXECUTION_TAG = "keepwarm:execution"

PLAN_KEYS = (
    "KEEPWARM_DTYPE",
    "KEEPWARM_MAX_CONCURRENT",
    "KEEPWARM_MAX_MODEL_LEN",
    "KEEPWARM_MAX_NUM_SEQS",
    "KEEPWARM_MAX_WAITING",
)
"""Settings of the container that every plan has."""

CPU_PLAN_KEY = "KEEPWARM_KV_CACHE_GIB"
"""What plans of instances without a GPU have too."""

PLAN_FILE = "Plan"
"""The property file of the plan."""


def plan_path(key: str) -> str:
    """Where a plan document has a setting of the container."""
    return f"plans[0].environment.{key}"
