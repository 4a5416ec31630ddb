"""The functions' environment variables: one place that writes them, the settings records read them.

Values may be tokens that CloudFormation fills in; nothing here looks into them. A test reads what a
stage synthesises with the functions' own records, so a deployment that would not start is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infrastructure import contract

if TYPE_CHECKING:
    from infrastructure.settings import Stage

PROMPT_OVERHEAD = 64
"""Tokens of the chat template, which the function does not count."""

ANSWER_SHARE = 4
"""An answer that nobody limits may take this part of the context, at most `DEFAULT_ANSWER`."""

DEFAULT_ANSWER = 1024
LONGEST_ANSWER = 4096


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What only the deployed resources know.

    Attributes:
        redis_url: of the sessions.
        redis: how it is reached; `SessionStore.environment`.
        endpoint: name of the SageMaker endpoint.
        component: inference component of it; empty: none.
        fleet_url: of the fleet's balancer; empty: there is no fleet.
        salt: hashes users in telemetry.
        issuer: whose tokens the function checks itself; empty: API Gateway's authorizer does.
        client_id: whom those tokens must be for.
    """

    redis_url: str
    redis: Mapping[str, str] = field(default_factory=dict)
    endpoint: str
    component: str = ""
    fleet_url: str = ""
    salt: str
    issuer: str = ""
    client_id: str = ""


def orchestrator_environment(stage: Stage, around: Surroundings) -> dict[str, str]:
    """Variables of the orchestrator, and of its sweeper, which is the same code."""
    names = contract.resource_names(stage)
    return {
        "KEEPWARM_ENV": "production" if stage.retains else "staging",
        "KEEPWARM_TABLE": names.table,
        "KEEPWARM_BUCKET": names.texts,
        "KEEPWARM_STREAM": names.stream,
        "KEEPWARM_REDIS_URL": around.redis_url,
        **around.redis,
        "KEEPWARM_BACKENDS": json.dumps(_backends(stage, around), separators=(",", ":")),
        "KEEPWARM_STREAMING_EVENTS": "rest",
        "KEEPWARM_TELEMETRY_SALT": around.salt,
        "KEEPWARM_RETENTION_DAYS": str(stage.function.retention_days),
        "KEEPWARM_PRICES": stage.watch.prices,
        **_lengths(stage.model.context_tokens),
        **_identity(around),
        **_observability(stage),
    }


def consumer_environment(stage: Stage) -> dict[str, str]:
    """Variables of the consumer."""
    return {
        "KEEPWARM_DEDUPE_TABLE": contract.resource_names(stage).marks,
        # An event may come again for as long as the stream keeps it.
        "KEEPWARM_DEDUPE_HOURS": str(min(stage.events.retention_hours + 24, 24 * 365)),
        "KEEPWARM_METRICS_NAMESPACE": contract.METRICS_NAMESPACE,
        **_observability(stage),
    }


def _backends(stage: Stage, around: Surroundings) -> list[dict[str, Any]]:
    """The endpoint first; the fleet takes what it cannot."""
    endpoint: dict[str, Any] = {
        "kind": "sagemaker",
        "name": "endpoint",
        "endpoint": around.endpoint,
        "region": stage.region,
        "prefix_aware": True,
        "prefix_length": stage.model.prefix_length,
    }
    if around.component:
        endpoint["inference_component"] = around.component
    if not around.fleet_url:
        return [endpoint]
    return [endpoint, {"kind": "fleet", "name": "fleet", "url": around.fleet_url}]


def _lengths(context: int) -> dict[str, str]:
    """Prompt and answer together fit into the model's context."""
    answer = min(DEFAULT_ANSWER, max(1, context // ANSWER_SHARE))
    longest = min(LONGEST_ANSWER, max(answer, context // 2))
    prompt = max(16, context - answer - PROMPT_OVERHEAD)
    return {
        "KEEPWARM_DEFAULT_TOKENS": str(answer),
        "KEEPWARM_MAX_TOKENS": str(longest),
        "KEEPWARM_PROMPT_TOKENS_HIGH": str(prompt),
        "KEEPWARM_PROMPT_TOKENS_LOW": str(max(8, prompt // 2)),
    }


def _identity(around: Surroundings) -> dict[str, str]:
    if not around.issuer:
        return {"KEEPWARM_IDENTITY": "authorizer"}
    return {
        "KEEPWARM_IDENTITY": "jwt",
        "KEEPWARM_JWT_ISSUER": around.issuer,
        "KEEPWARM_JWT_AUDIENCES": around.client_id,
    }


def _observability(stage: Stage) -> dict[str, str]:
    return {
        "KEEPWARM_LOG_LEVEL": "info",
        "POWERTOOLS_TRACE_DISABLED": str(not stage.function.tracing).lower(),
    }
