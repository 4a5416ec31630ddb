"""From a run's documents to the candidate that is registered, in the cloud as on a laptop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.documents import CHECK, GATES, PLAN
from pipelines.errors import DocumentError
from pipelines.registry.interface import Approval, Candidate

CARD = "card.json"
NEEDED = (CHECK, PLAN, GATES, CARD)

Documents = Mapping[str, Mapping[str, Any]]


def candidate_from(
    documents: Documents,
    *,
    image: str,
    model_data: str,
    approval: Approval = Approval.PENDING,
    properties: Mapping[str, str] | None = None,
) -> Candidate:
    """The candidate of a run that the gates let through.

    Args:
        documents: check.json, plan.json, gates.json, card.json by their names.
        image: the serving image, by its digest; a local run names its fingerprint.
        model_data: where the artifact lies.
        approval: whether it may serve at once.
        properties: more short texts to find it by.

    Raises:
        DocumentError: a document is missing or lacks something, or the gates refused.
    """
    missing = [name for name in NEEDED if name not in documents]
    if missing:
        raise DocumentError(f"{missing[0]} is missing: a version is registered with all of a run")
    gates = documents[GATES]
    if gates.get("passed") is not True:
        raise DocumentError(f"{GATES} does not say that the gates passed: nothing is registered")
    sha256 = documents[CHECK].get("sha256")
    if not isinstance(sha256, str) or not sha256:
        raise DocumentError(f"{CHECK} has no sha256 of the artifact: run the check again")
    return Candidate(
        image=image,
        model_data=model_data,
        model_sha256=sha256,
        environment=_environment(documents[PLAN]),
        plan=documents[PLAN],
        metrics={name: float(value) for name, value in _part(gates, "metrics").items()},
        card=documents[CARD],
        properties={**_part(gates, "properties"), **(properties or {})},
        approval=approval,
    )


def _environment(plan: Mapping[str, Any]) -> dict[str, str]:
    """The container's settings of the one instance that was planned."""
    plans = plan.get("plans")
    if not isinstance(plans, list) or len(plans) != 1 or not isinstance(plans[0], dict):
        raise DocumentError(f"{PLAN} must be of one instance type: plan again with --instance")
    return {str(name): str(value) for name, value in _part(plans[0], "environment").items()}


def _part(content: Mapping[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    if not isinstance(part, dict):
        raise DocumentError(f"a document lacks {name!r}: run its step again")
    return part
