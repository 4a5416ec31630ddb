"""Lambda function: keep what the gates let through as a version.

{"ImageUri": ..., "ModelData": ..., "Results": "s3://bucket/executions/<id>/", "ExecutionId": ...,
 "ExecutionArn": ..., "Approval": "manual" | "auto"}  ->  {"Version": "3", "PackageArn": ...}
"""

from __future__ import annotations

from typing import Any

from pipelines.aws import Clients, told
from pipelines.documents import parse_document
from pipelines.endpoint.deployment import Deployment
from pipelines.errors import DocumentError
from pipelines.functions.runtime import Event, Result, on_lambda
from pipelines.registry.candidate import NEEDED, candidate_from
from pipelines.registry.interface import Approval
from pipelines.settings import DeploymentSettings

APPROVALS = {"manual": Approval.PENDING, "auto": Approval.APPROVED}


def handle(event: Event, clients: Clients, settings: DeploymentSettings) -> Result:
    """Register; the same event again answers with the same version.

    Raises:
        DocumentError: the event or a document lacks something, or the gates refused.
        RegistryError: SageMaker refused the version.
    """
    results = _text(event, "Results").rstrip("/")
    approval = APPROVALS.get(_text(event, "Approval"))
    if approval is None:
        raise DocumentError(f"Approval must be manual or auto, got {event['Approval']!r}")
    candidate = candidate_from(
        {name: _read(clients, f"{results}/{name}") for name in NEEDED},
        image=_text(event, "ImageUri"),
        model_data=_text(event, "ModelData"),
        approval=approval,
        properties={"results": results, "execution": _text(event, "ExecutionId")},
    )
    version = Deployment.open(clients, settings).registry.register(candidate)
    return {"Version": str(version.number), "PackageArn": version.name}


def _read(clients: Clients, url: str) -> dict[str, Any]:
    bucket, _, key = url.removeprefix("s3://").partition("/")
    with told(url, DocumentError):
        content = clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return parse_document(url, content)


def _text(event: Event, name: str) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not value:
        raise DocumentError(f"the event lacks {name}")
    return value


handler = on_lambda(handle)
