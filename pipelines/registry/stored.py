"""JSON in S3 that belongs to a version: read when it is first looked at, checked by its sha256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.aws import Clients, told
from pipelines.errors import RegistryError


def encode(document: Mapping[str, Any]) -> tuple[bytes, str]:
    """A document's bytes, and their sha256."""
    content = json.dumps(document, sort_keys=True, separators=(",", ":"), default=str).encode()
    return content, hashlib.sha256(content).hexdigest()


def store(clients: Clients, bucket: str, key: str, content: bytes) -> str:
    """Put it there; its URL.

    Raises:
        RegistryError: S3 refused it.
    """
    url = f"s3://{bucket}/{key}"
    with told(url, RegistryError):
        clients.client("s3").put_object(Bucket=bucket, Key=key, Body=content)
    return url


class StoredDocument(Mapping[str, Any]):
    """A document that was stored; its content is fetched when something in it is wanted.

    Args:
        clients: where S3 is.
        url: where it lies.
        sha256: of its bytes.
    """

    def __init__(self, clients: Clients, url: str, sha256: str) -> None:
        self._clients, self._url, self._sha256 = clients, url, sha256
        self._held: dict[str, Any] | None = None

    def __getitem__(self, key: str) -> Any:
        return self._content()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._content())

    def __len__(self) -> int:
        return len(self._content())

    def _content(self) -> dict[str, Any]:
        """The whole of it.

        Raises:
            RegistryError: it is gone, or is not what was stored.
        """
        if self._held is None:
            bucket, _, key = self._url.removeprefix("s3://").partition("/")
            with told(self._url, RegistryError):
                found = self._clients.client("s3").get_object(Bucket=bucket, Key=key)
                content = found["Body"].read()
            if hashlib.sha256(content).hexdigest() != self._sha256:
                raise RegistryError(f"{self._url} is not what was registered: its sha256 differs")
            self._held = dict(json.loads(content))
        return self._held
