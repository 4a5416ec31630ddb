"""Examples of the documents that property files point to, to look for paths in."""

from __future__ import annotations

from typing import Any

from pipelines import documents
from pipelines.definition.steps import CPU_PLAN_KEY
from serving.memory_plan import Limits


def examples() -> dict[str, Any]:
    """For each file an example with the members that every such document has.

    Those of a plan are made by the code that writes plans, so that a setting that is renamed there
    is missed here. Its share of memory only plans without a GPU have.
    """
    limits = Limits(
        context=1, warm_sessions=1, running=1, waiting=1, scaling_target=1, prefix_threshold=1
    )
    environment = {**limits.environment(), "KEEPWARM_DTYPE": "bfloat16", CPU_PLAN_KEY: "1.0"}
    return {documents.PLAN: {"plans": [{"environment": environment}]}}
