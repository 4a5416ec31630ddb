"""The function's variables on one machine; the names are those of docs/settings.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infrastructure.definitions import definitions
from local.gateway.routes import JWKS
from local.identity_provider import identity_environment
from local.ministack import REGION
from local.stack import settings as names
from local.stack.settings import StackSettings

ROOT = Path(__file__).parents[2]
CONTEXT = 8192
ANSWER_TOKENS = 512


def function_environment(settings: StackSettings, ports: Mapping[str, int]) -> dict[str, str]:
    """What the orchestrator is told: its stores, its sessions, its backends, its users."""
    stores = definitions()
    context = _context(settings.model)
    answer = min(ANSWER_TOKENS, context // 4)
    prompt = context - answer - 64  # what the chat template adds is not counted by the function
    return {
        **identity_environment(f"http://127.0.0.1:{ports[names.GATEWAY]}{JWKS}"),
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports[names.STORES]}",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "KEEPWARM_TABLE": stores.table.name,
        "KEEPWARM_BUCKET": stores.bucket,
        "KEEPWARM_STREAM": stores.stream.name,
        "KEEPWARM_REDIS_URL": f"redis://127.0.0.1:{ports[names.REDIS]}",
        "KEEPWARM_MODEL_NAME": settings.model.name,
        "KEEPWARM_BACKENDS": json.dumps(_backends(settings, ports)),
        "KEEPWARM_DEFAULT_TOKENS": str(answer),
        "KEEPWARM_MAX_TOKENS": str(min(4096, context // 2)),
        "KEEPWARM_PROMPT_TOKENS_HIGH": str(prompt),
        "KEEPWARM_PROMPT_TOKENS_LOW": str(prompt // 2),
        "KEEPWARM_RATE_PER_MINUTE": "120",
        "KEEPWARM_TELEMETRY_SALT": "of-this-machine-alone",
    }


def consumer_environment(stores: str) -> dict[str, str]:
    """The same for the consumer."""
    return {
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": stores,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "KEEPWARM_DEDUPE_TABLE": definitions().marks.name,
    }


def _backends(settings: StackSettings, ports: Mapping[str, int]) -> list[dict[str, Any]]:
    endpoint = {
        "kind": "sagemaker",
        "endpoint": "keepwarm",
        "region": REGION,
        "endpoint_url": f"http://127.0.0.1:{ports[names.SAGEMAKER]}",
        "prefix_aware": True,
        "stall_seconds": 120.0,
    }
    fleet = {"kind": "fleet", "name": "fleet", "stall_seconds": 120.0}
    if not settings.with_fleet:
        return [endpoint]
    return [endpoint, {**fleet, "url": f"http://127.0.0.1:{ports[names.FLEET]}"}]


def _context(model: Path) -> int:
    """Tokens that the model takes; a guess where its config does not say."""
    try:
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        found = config.get("max_position_embeddings") or config.get("n_positions")
        return max(256, min(int(found), 32768))
    except (OSError, ValueError, TypeError, AttributeError):
        return CONTEXT
