"""Lambda function: judge an execution by its documents in S3, and write the report beside them.

{"results": "s3://bucket/prefix/", "group": "keepwarm", "against": "latest"}
    -> {"passed": "true", "reasons": "", "gates": "s3://...", "report": "s3://..."}
"""

from __future__ import annotations

import os
from typing import Any

from pipelines.aws import Clients, told
from pipelines.documents import GATES, parse_document
from pipelines.errors import DocumentError
from pipelines.functions.runtime import Event, Result, on_lambda
from pipelines.gates.limits import GateLimits
from pipelines.judging import INDEX, LATEST, NEEDED, find_previous, judge_run
from pipelines.registry.sagemaker import SageMakerRegistry
from pipelines.settings import DeploymentSettings

MOST_CHARACTERS = 1000  # of the reasons: a FailStep shows no more
TYPES = {".html": "text/html", ".json": "application/json", ".md": "text/markdown",
         ".svg": "image/svg+xml"}  # fmt: skip


def handle(event: Event, clients: Clients, settings: DeploymentSettings) -> Result:
    """Judge; a repeated call writes the same files again.

    Raises:
        DocumentError: the event or a document lacks something.
        RegistryError: the version to compare with cannot be read.
    """
    bucket, prefix = _place(event)
    group = str(event.get("group") or settings.names.package_group)
    registry = SageMakerRegistry(clients, group, bucket)
    previous = find_previous(registry, str(event.get("against") or LATEST))
    documents = {name: _read(clients, bucket, prefix + name) for name in NEEDED}
    judged = judge_run(documents, previous, GateLimits.load(None, os.environ))
    for name, text in judged.files.items():
        _write(clients, bucket, prefix + name, text)
    place = f"s3://{bucket}/{prefix}"
    return {
        "passed": "true" if judged.passed else "false",
        "reasons": "; ".join(judged.gates["reasons"])[:MOST_CHARACTERS],
        "gates": place + GATES,
        "report": place + INDEX,
    }


def _place(event: Event) -> tuple[str, str]:
    """Bucket and prefix of the documents; the prefix ends in a slash."""
    url = str(event.get("results", ""))
    bucket, _, prefix = url.removeprefix("s3://").strip("/").partition("/")
    if not url.startswith("s3://") or not bucket or not prefix:
        raise DocumentError(f"results must be s3://bucket/prefix/, got {url!r}")
    return bucket, prefix + "/"


def _read(clients: Clients, bucket: str, key: str) -> dict[str, Any]:
    with told(f"s3://{bucket}/{key}", DocumentError):
        content = clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return parse_document(key.rsplit("/", 1)[-1], content)


def _write(clients: Clients, bucket: str, key: str, text: str) -> None:
    kind = TYPES[os.path.splitext(key)[1]]
    with told(f"s3://{bucket}/{key}", DocumentError):
        clients.client("s3").put_object(
            Bucket=bucket, Key=key, Body=text.encode(), ContentType=f"{kind}; charset=utf-8"
        )


handler = on_lambda(handle)
