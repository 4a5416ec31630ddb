"""The project's own sources in the bucket, each under a name made of its content.

    sources/<hash>/pipelines/...    what the processing steps run, beside the image's packages
    functions/<hash>.zip            what the Lambda functions run, boto3 with it
    image-sources/<fingerprint>.zip what the image is built from
    templates/<hash>.json           what the account's stack is made of

What lies under such a name never changes: publishing again stores nothing, and an execution that
runs goes on with the sources that it began with. A folder counts as stored when its mark is there,
which is stored last.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.aws import Clients, told
from pipelines.definition.render import Sources, bucket_name, partition_of
from pipelines.errors import ArtifactError, DocumentError
from pipelines.settings import DeploymentSettings
from pipelines.vendored import boto3_files

ROOT = Path(__file__).parents[1]
SUFFIXES = (".py", ".toml", ".json", ".txt", ".sh")
ENGINE = "serving"
"""The functions read plans, whose arithmetic is the engine's; processing steps have the image's."""

PACKAGE = "pipelines"
LEFT_OUT = ("pipelines/testing/",)
MARK = "COMPLETE"
EPOCH = (1980, 1, 1, 0, 0, 0)
SHORT = 24

Files = Mapping[str, bytes]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Material:
    """What is published.

    Attributes:
        code: files of the processing steps by their path.
        functions: files of the Lambda functions.
        image: archive of the image's sources.
        fingerprint: its name.
    """

    code: Files
    functions: Files
    image: bytes
    fingerprint: str

    def sources(self, bucket: str) -> Sources:
        """Where each of them lies, or will."""
        return Sources(
            code=f"s3://{bucket}/{self.code_prefix}",
            functions=f"functions/{content_hash(self.functions)}.zip",
            image=f"s3://{bucket}/image-sources/{self.fingerprint}.zip",
            fingerprint=self.fingerprint,
        )

    @property
    def code_prefix(self) -> str:
        """Folder of the steps' code."""
        return f"sources/{content_hash(self.code)}/"


def gather(image: bytes, fingerprint: str, root: Path = ROOT) -> Material:
    """The sources as they are now; the image's are handed in, since they are not this package's.

    Raises:
        DocumentError: they are not where they should be.
        SettingsError: boto3 is not installed.
    """
    code = _files(root, PACKAGE)
    functions = {**code, **_files(root, ENGINE), **boto3_files()}
    return Material(code, functions, image, fingerprint)


def publish(
    clients: Clients, bucket: str, material: Material, progress: Progress | None = None
) -> Sources:
    """Store what is not there yet.

    Raises:
        ArtifactError: S3 refused it, such as a bucket that is not there.
    """
    sources = material.sources(bucket)
    client = clients.client("s3")
    with told(f"s3://{bucket}", ArtifactError):
        _store_folder(client, bucket, material, progress)
        key = sources.image.removeprefix(f"s3://{bucket}/")
        _store(client, bucket, sources.functions, lambda: zipped(material.functions))
        _store(client, bucket, key, lambda: material.image)
    return sources


def publish_template(clients: Clients, settings: DeploymentSettings, text: str) -> str:
    """Store a template, which is too large for a request; its address for CloudFormation.

    Raises:
        ArtifactError: S3 refused it.
    """
    bucket = bucket_name(settings)
    key = f"templates/{content_hash({'template': text.encode()})}.json"
    with told(f"s3://{bucket}", ArtifactError):
        _store(clients.client("s3"), bucket, key, text.encode)
    _, suffix = partition_of(settings.region)
    return f"https://{bucket}.s3.{settings.region}.{suffix}/{key}"


def content_hash(files: Files) -> str:
    """Hex digits that change with any path or content."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()[:SHORT]


def zipped(files: Files) -> bytes:
    """A zip of files, the same bytes for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, content in sorted(files.items()):
            entry = zipfile.ZipInfo(path, EPOCH)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _files(root: Path, package: str) -> dict[str, bytes]:
    found = {}
    for path in sorted((root / package).rglob("*")):
        name = path.relative_to(root)
        if path.suffix in SUFFIXES and path.is_file() and _is_ours(name):
            found[name.as_posix()] = path.read_bytes()
    if not found:
        raise DocumentError(f"there are no sources in {root / package}")
    return found


def _is_ours(path: Path) -> bool:
    hidden = any(part.startswith(".") or part == "__pycache__" for part in path.parts)
    return not hidden and not path.as_posix().startswith(LEFT_OUT)


def _store_folder(client: Any, bucket: str, material: Material, progress: Progress | None) -> None:
    mark = material.code_prefix + MARK
    if _is_there(client, bucket, mark):
        return
    for number, (path, content) in enumerate(material.code.items()):
        if progress is not None:
            progress(path, number, len(material.code))
        client.put_object(Bucket=bucket, Key=material.code_prefix + path, Body=content)
    client.put_object(Bucket=bucket, Key=mark, Body=b"")


def _store(client: Any, bucket: str, key: str, content: Callable[[], bytes]) -> None:
    if not _is_there(client, bucket, key):
        client.put_object(Bucket=bucket, Key=key, Body=content())


def _is_there(client: Any, bucket: str, key: str) -> bool:
    """Whether an object lies there; listing tells, also whom HeadObject would refuse."""
    page = client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
    return any(entry["Key"] == key for entry in page.get("Contents", ()))
