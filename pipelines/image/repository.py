"""The image's repository in ECR: which image has a tag, what its scan and its signature say."""

from __future__ import annotations

import enum
import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from pipelines.errors import BuildError
from pipelines.image.failures import error_code
from pipelines.image.findings import Finding, of_basic_scan, of_enhanced_scan
from pipelines.plan.preflight import IMAGE_CUDA

SCANNED = ("COMPLETE", "ACTIVE")  # of ECR's own scanner, and of Inspector, which goes on
SCANNING = ("IN_PROGRESS", "PENDING")


class Progress(enum.Enum):
    """How far something is that ECR does by itself."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Scan:
    """What the scanner says; `detail` is why it failed."""

    progress: Progress
    findings: tuple[Finding, ...] = ()
    detail: str = ""


@dataclass(frozen=True)
class Signature:
    """Whether the image has the signatures that the registry is set up to make."""

    progress: Progress
    detail: str = ""


@dataclass(frozen=True)
class StoredImage:
    """An image that is there.

    Attributes:
        uri: by digest.
        digest: sha256 of its manifest.
    """

    uri: str
    digest: str


def image_tag(fingerprint: str) -> str:
    """The tag of the image of a fingerprint: `cu130-...`, since CUDA decides which hosts run it."""
    major, minor = IMAGE_CUDA
    return f"cu{major}{minor}-{fingerprint}"


class Repository:
    """One repository, by its name."""

    def __init__(self, ecr: Any, name: str) -> None:
        self._ecr, self._name = ecr, name

    def find(self, tag: str) -> StoredImage | None:
        """The image with a tag, if there is one.

        Raises:
            BuildError: the repository is not there.
        """
        try:
            described = self._ecr.describe_images(
                repositoryName=self._name, imageIds=[{"imageTag": tag}]
            )
        except ClientError as error:
            if error_code(error) == "ImageNotFoundException":
                return None
            if error_code(error) == "RepositoryNotFoundException":
                raise BuildError(
                    f"there is no ECR repository {self._name}: `keepwarm pipeline setup` makes it"
                ) from error
            raise
        (detail,) = described["imageDetails"]
        digest = detail["imageDigest"]
        host = f"{detail['registryId']}.dkr.ecr.{self._ecr.meta.region_name}.{self._domain}"
        return StoredImage(f"{host}/{self._name}@{digest}", digest)

    def scan(self, digest: str) -> Scan:
        """The findings, once they are there; a scan is started where none ever was."""
        pages = self._ecr.get_paginator("describe_image_scan_findings").paginate(
            repositoryName=self._name, imageId={"imageDigest": digest}
        )
        try:
            return _scan(list(pages))
        except ClientError as error:
            if error_code(error) != "ScanNotFoundException":
                raise
        self._start_scan(digest)
        return Scan(Progress.RUNNING)

    def signature(self, digest: str) -> Signature:
        """Whether what has to be signed is signed."""
        told = self._ecr.describe_image_signing_status(
            repositoryName=self._name, imageId={"imageDigest": digest}
        )
        statuses = told.get("signingStatuses", [])
        for one in statuses:
            if one["status"] == "FAILED":
                reason = one.get("failureReason") or one.get("failureCode") or "no reason given"
                return Signature(Progress.FAILED, reason)
        if any(one["status"] == "IN_PROGRESS" for one in statuses):
            return Signature(Progress.RUNNING)
        if not statuses and self._must_be_signed():
            return Signature(Progress.FAILED, "it was pushed before the registry signed anything")
        return Signature(Progress.DONE)

    @property
    def _domain(self) -> str:
        china = self._ecr.meta.region_name.startswith("cn-")
        return "amazonaws.com.cn" if china else "amazonaws.com"

    def _start_scan(self, digest: str) -> None:
        """Where scanning on push was off; refused where one began meanwhile, or Inspector scans."""
        try:
            self._ecr.start_image_scan(repositoryName=self._name, imageId={"imageDigest": digest})
        except ClientError as error:
            if error_code(error) not in ("LimitExceededException", "ValidationException"):
                raise

    def _must_be_signed(self) -> bool:
        try:
            configured = self._ecr.get_signing_configuration()["signingConfiguration"]
        except ClientError as error:
            if error_code(error) == "SigningConfigurationNotFoundException":
                return False
            raise
        return any(signs(rule, self._name) for rule in configured["rules"])


def signs(rule: dict[str, Any], repository: str) -> bool:
    """Whether a rule of the registry's signing configuration is for a repository."""
    filters = rule.get("repositoryFilters")
    if not filters:
        return True
    return any(fnmatch.fnmatchcase(repository, one["filter"]) for one in filters)


def _scan(pages: list[dict[str, Any]]) -> Scan:
    told = pages[0].get("imageScanStatus", {})
    status = told.get("status", "")
    if status in SCANNING:
        return Scan(Progress.RUNNING)
    if status not in SCANNED:
        return Scan(Progress.FAILED, detail=f"{status}: {told.get('description', '')}".rstrip(": "))
    return Scan(Progress.DONE, tuple(_findings(pages)))


def _findings(pages: list[dict[str, Any]]) -> Iterator[Finding]:
    for page in pages:
        found = page.get("imageScanFindings", {})
        yield from map(of_basic_scan, found.get("findings", []))
        enhanced = map(of_enhanced_scan, found.get("enhancedFindings", []))
        yield from (one for one in enhanced if one is not None)
