"""A candidate as CreateModelPackage takes it, and out of what DescribeModelPackage answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pipelines.aws import Clients
from pipelines.errors import RegistryError
from pipelines.registry.interface import Approval, Candidate, Version
from pipelines.registry.stored import StoredDocument
from pipelines.registry.texts import properties_of, split

SHA256, PLAN, PLAN_SHA256 = "model_sha256", "plan", "plan_sha256"
OWN = frozenset({SHA256, PLAN, PLAN_SHA256})
DESCRIPTION = "candidate "
RESULTS = "results"
JSON, SSE = "application/json", "text/event-stream"
LONGEST_CARD = 100_000


def request(
    candidate: Candidate, group: str, identity: str, plan: tuple[str, str]
) -> dict[str, Any]:
    """The request.

    Args:
        candidate: what is registered.
        group: the package group.
        identity: of the candidate; the same request twice is the same version.
        plan: its URL and sha256.

    Raises:
        RegistryError: the candidate does not fit SageMaker's registry.
    """
    own = {SHA256: candidate.model_sha256, PLAN: plan[0], PLAN_SHA256: plan[1]}
    return {
        "ModelPackageGroupName": group,
        "ModelPackageDescription": DESCRIPTION + identity,
        "ClientToken": identity,
        "ModelApprovalStatus": str(candidate.approval),
        "InferenceSpecification": {
            "Containers": [_container(candidate)],
            "SupportedContentTypes": [JSON],
            "SupportedResponseMIMETypes": [JSON, SSE],
            "SupportedRealtimeInferenceInstanceTypes": _instances(candidate),
        },
        "CustomerMetadataProperties": properties_of(candidate, own),
        **_metrics(candidate),
        **_card(candidate),
    }


def version(clients: Clients, package: Mapping[str, Any]) -> Version:
    """The version that a package is.

    Raises:
        RegistryError: it was not registered by `request`.
    """
    name, texts = package["ModelPackageArn"], package.get("CustomerMetadataProperties", {})
    missing = sorted(OWN - texts.keys())
    if missing:
        raise RegistryError(f"{name} was not registered by Keepwarm: it lacks {missing[0]}")
    metrics, properties = split(texts, OWN)
    container = package["InferenceSpecification"]["Containers"][0]
    candidate = Candidate(
        image=container["Image"],
        model_data=container["ModelDataSource"]["S3DataSource"]["S3Uri"],
        model_sha256=texts[SHA256],
        environment=dict(container.get("Environment", {})),
        plan=StoredDocument(clients, texts[PLAN], texts[PLAN_SHA256]),
        metrics=metrics,
        card=json.loads(package.get("ModelCard", {}).get("ModelCardContent", "{}")),
        properties=properties,
        approval=Approval(package["ModelApprovalStatus"]),
    )
    return Version(
        name=name,
        number=package["ModelPackageVersion"],
        created=package["CreationTime"],
        candidate=candidate,
    )


def data_source(model_data: str) -> dict[str, Any]:
    """Where SageMaker finds weights: one archive, or a prefix of plain objects."""
    if model_data.endswith((".tar.gz", ".tgz")):
        kind = {"S3DataType": "S3Object", "CompressionType": "Gzip"}
        return {"S3DataSource": {"S3Uri": model_data, **kind}}
    kind = {"S3DataType": "S3Prefix", "CompressionType": "None"}
    return {"S3DataSource": {"S3Uri": model_data.rstrip("/") + "/", **kind}}


def _container(candidate: Candidate) -> dict[str, Any]:
    _, at, digest = candidate.image.partition("@")
    if not at:
        raise RegistryError(f"image {candidate.image!r} must be named by its digest, @sha256:...")
    return {
        "Image": candidate.image,
        "ImageDigest": digest,
        "ModelDataSource": data_source(candidate.model_data),
        "Environment": dict(candidate.environment),
    }


def _instances(candidate: Candidate) -> list[str]:
    return [one["instance"] for one in candidate.plan.get("plans", ())]


def _metrics(candidate: Candidate) -> dict[str, Any]:
    """Where the whole of the measurements lies, for the console."""
    results = candidate.properties.get(RESULTS)
    if not results:
        return {}

    def source(name: str) -> dict[str, str]:
        return {"ContentType": JSON, "S3Uri": f"{results.rstrip('/')}/{name}"}

    quality = {"Statistics": source("evaluation.json"), "Constraints": source("gates.json")}
    return {"ModelMetrics": {"ModelQuality": quality}}


def _card(candidate: Candidate) -> dict[str, Any]:
    if not candidate.card:
        return {}
    content = json.dumps(candidate.card, sort_keys=True, separators=(",", ":"))
    if len(content) > LONGEST_CARD:
        raise RegistryError(f"the model card has {len(content)} characters, more than 100,000")
    return {"ModelCard": {"ModelCardContent": content, "ModelCardStatus": "PendingReview"}}
