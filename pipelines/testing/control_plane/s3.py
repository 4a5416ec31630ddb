"""S3, as far as documents, sources and small weights go."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part


class S3(Part):
    """Buckets and objects.

    Attributes:
        buckets: names; an object's bucket must be one.
        objects: contents by bucket and key.
    """

    service = "s3"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.buckets: set[str] = set()
        self.objects: dict[tuple[str, str], bytes] = {}

    def resources(self) -> Iterable[str]:
        yield from (f"bucket/{name}" for name in self.buckets)
        yield from (f"object/{bucket}/{key}" for bucket, key in self.objects)

    def create_bucket(self, parameters: Parameters) -> Answer:
        self.buckets.add(parameters["Bucket"])
        return {}

    def head_bucket(self, parameters: Parameters) -> Answer:
        self._require(parameters["Bucket"])
        return {}

    def put_object(self, parameters: Parameters) -> Answer:
        self._require(parameters["Bucket"])
        body = parameters.get("Body", b"")
        if hasattr(body, "read"):
            body.seek(0)  # the client has read it already, to know its checksum
            body = body.read()
        content = body.encode() if isinstance(body, str) else bytes(body)
        self.objects[parameters["Bucket"], parameters["Key"]] = content
        return {"ETag": _etag(content)}

    def get_object(self, parameters: Parameters) -> Answer:
        content = self._content(parameters)
        return {"Body": content, "ContentLength": len(content), "ETag": _etag(content)}

    def head_object(self, parameters: Parameters) -> Answer:
        content = self._content(parameters, "404")
        return {"ContentLength": len(content), "ETag": _etag(content)}

    def delete_object(self, parameters: Parameters) -> Answer:
        self.objects.pop((parameters["Bucket"], parameters["Key"]), None)
        return {}

    def list_objects_v2(self, parameters: Parameters) -> Answer:
        bucket, prefix = parameters["Bucket"], parameters.get("Prefix", "")
        self._require(bucket)
        found = sorted(
            key for owner, key in self.objects if owner == bucket and key.startswith(prefix)
        )
        start = int(parameters.get("ContinuationToken") or 0)
        end = start + parameters.get("MaxKeys", 1000)
        rows = [self._row(bucket, key) for key in found[start:end]]
        more = {"NextContinuationToken": str(end)} if end < len(found) else {}
        return {"Contents": rows, "IsTruncated": bool(more), "KeyCount": len(rows), **more}

    def put(self, url: str, content: bytes | str) -> None:
        """Put something there without a call, its bucket too."""
        bucket, _, key = url.removeprefix("s3://").partition("/")
        self.buckets.add(bucket)
        self.objects[bucket, key] = content.encode() if isinstance(content, str) else content

    def _row(self, bucket: str, key: str) -> Answer:
        content = self.objects[bucket, key]
        etag = _etag(content)
        return {"Key": key, "Size": len(content), "ETag": etag, "LastModified": self.now}

    def _content(self, parameters: Parameters, missing: str = "NoSuchKey") -> bytes:
        self._require(parameters["Bucket"])
        key = (parameters["Bucket"], parameters["Key"])
        if key not in self.objects:
            raise ApiError(missing, "The specified key does not exist.", 404)
        return self.objects[key]

    def _require(self, bucket: str) -> None:
        if bucket not in self.buckets:
            raise ApiError("NoSuchBucket", "The specified bucket does not exist", 404)


def _etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'
