"""Artifacts in S3: a prefix of plain objects, or one tar.gz. AWS_ENDPOINT_URL is obeyed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, cast

from pipelines.errors import ArtifactError
from pipelines.model.sources import Member, Opener, Source, TarSource, is_tar_gz

SCHEME = "s3://"
CONNECT_SECONDS = 4  # of each attempt: without a network, the answer shall come soon
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")


@dataclass(frozen=True)
class S3Place:
    """A bucket and a key or prefix; a prefix ends with a slash, or is empty."""

    bucket: str
    key: str

    @property
    def url(self) -> str:
        """As the user writes it."""
        return f"{SCHEME}{self.bucket}/{self.key}"

    @property
    def is_archive(self) -> bool:
        """Whether it is one tar.gz."""
        return is_tar_gz(self.key)


def parse_place(url: str) -> S3Place:
    """`s3://bucket/prefix` as a place.

    Raises:
        ArtifactError: it is not of that form.
    """
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if not url.startswith(SCHEME) or not bucket:
        raise ArtifactError(f"{url!r} is not of the form s3://bucket/prefix")
    if not is_tar_gz(key) and key and not key.endswith("/"):
        key += "/"
    return S3Place(bucket, key)


def s3_client() -> Any:
    """A boto3 client, set up by the environment as AWS's own tools are.

    Raises:
        ArtifactError: boto3 is not installed.
    """
    try:
        import boto3
        from botocore.config import Config
    except ImportError as error:
        raise ArtifactError("s3:// needs boto3: pip install boto3") from error
    own_endpoint = any(os.environ.get(name) for name in ENDPOINTS)
    style = {"addressing_style": "path"} if own_endpoint else {}
    with _told("S3"):
        return boto3.client(
            "s3",
            config=Config(
                s3=style,
                retries={"mode": "standard", "max_attempts": 5},
                connect_timeout=CONNECT_SECONDS,
            ),
        )


def s3_source(place: S3Place, client: Any) -> Source:
    """The source for what lies at `place`.

    Raises:
        ArtifactError: nothing lies there, or it may not be read.
    """
    if not place.is_archive:
        return PrefixSource(place, client)
    with _told(place.url):
        size = client.head_object(Bucket=place.bucket, Key=place.key)["ContentLength"]
    return TarSource(place.url, size, lambda: _body(client, place.bucket, place.key))


class PrefixSource:
    """All objects below a prefix, in the order of their keys."""

    def __init__(self, place: S3Place, client: Any) -> None:
        self.name = place.url
        self.skipped: list[str] = []
        self._place = place
        self._client = client
        self._objects = list(list_objects(client, place))
        if not self._objects:
            raise ArtifactError(f"there is nothing at {place.url}")

    @property
    def total_bytes(self) -> int:
        """Sizes of all objects."""
        return sum(size for _, size in self._objects)

    def members(self) -> Iterator[tuple[Member, Opener]]:
        """Every object; an empty one that stands for a folder is odd."""
        for key, size in self._objects:
            name = key.removeprefix(self._place.key)
            odd = "an empty object that stands for a folder" if key.endswith("/") else ""
            member = Member(name or key, size, odd)
            yield member, partial(_body, self._client, self._place.bucket, key)


def list_objects(client: Any, place: S3Place) -> Iterator[tuple[str, int]]:
    """Keys and sizes below a prefix.

    Raises:
        ArtifactError: it may not be listed.
    """
    with _told(place.url):
        pages = client.get_paginator("list_objects_v2").paginate(
            Bucket=place.bucket, Prefix=place.key
        )
        for page in pages:
            for entry in page.get("Contents", ()):
                yield entry["Key"], entry["Size"]


def upload(client: Any, place: S3Place, name: str, stream: BinaryIO) -> None:
    """Store one object below `place`, in parts when it is large.

    Raises:
        ArtifactError: S3 refused it.
    """
    with _told(place.url):
        client.upload_fileobj(stream, place.bucket, place.key + name)


def put(client: Any, place: S3Place, name: str, content: bytes) -> None:
    """Store one small object below `place`.

    Raises:
        ArtifactError: S3 refused it.
    """
    with _told(place.url):
        client.put_object(Bucket=place.bucket, Key=place.key + name, Body=content)


class _Body:
    """An object's bytes; a connection that breaks is told as any other failure of S3."""

    def __init__(self, client: Any, bucket: str, key: str) -> None:
        self._where = f"{SCHEME}{bucket}/{key}"
        with _told(self._where):
            self._body = client.get_object(Bucket=bucket, Key=key)["Body"]

    def read(self, count: int = -1) -> bytes:
        with _told(self._where):
            part: bytes = self._body.read(None if count < 0 else count)
            return part

    def __enter__(self) -> _Body:
        return self

    def __exit__(self, *_: object) -> None:
        self._body.close()


def _body(client: Any, bucket: str, key: str) -> BinaryIO:
    return cast(BinaryIO, _Body(client, bucket, key))


@contextmanager
def _told(where: str) -> Iterator[None]:
    """Failures of AWS as one sentence, without the request and without credentials."""
    from boto3.exceptions import S3UploadFailedError
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        raise ArtifactError(f"S3 answers {code} for {where}: check name and permissions") from error
    except (BotoCoreError, S3UploadFailedError) as error:
        raise ArtifactError(_reason(error, where)) from error


def _reason(error: Exception, where: str) -> str:
    """What keeps this machine from S3, and what would help."""
    name = type(error).__name__
    if name in ("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError"):
        return (
            f"no AWS credentials were found for {where}: "
            "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if name in ("ProfileNotFound", "NoRegionError", "InvalidRegionError"):
        return f"AWS is not set up for {where}: {error}"
    if name == "ParamValidationError":
        return f"{where} is not of the form s3://bucket/prefix: the bucket's name is not valid"
    return f"S3 cannot be reached for {where} ({name}): check network and AWS_ENDPOINT_URL"
