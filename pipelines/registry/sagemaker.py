"""The registry in SageMaker: a model package group whose packages are the versions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pipelines.aws import Clients, find, is_missing, make, told
from pipelines.errors import RegistryError
from pipelines.registry import package, stored, texts
from pipelines.registry.interface import Approval, Candidate, Version

VERSIONS = "versions"
LONGEST_REASON = 1024


class SageMakerRegistry:
    """Versions in a model package group; plans beside them in S3.

    Args:
        clients: of the account.
        group: name of the package group; made when the first version is registered.
        bucket: where plans are kept.
    """

    def __init__(self, clients: Clients, group: str, bucket: str) -> None:
        self._clients = clients
        self._group = group
        self._bucket = bucket

    def register(self, candidate: Candidate) -> Version:
        """Keep a candidate as a new version; the same candidate again is the same version.

        Raises:
            RegistryError: SageMaker or S3 refused it.
        """
        identity = texts.identity(candidate)
        self._ensure_group()
        existing = self._find(identity)
        if existing:
            return self._read(existing)
        content, sha256 = stored.encode(candidate.plan)
        key = f"{VERSIONS}/{identity}/plan.json"
        plan = (stored.store(self._clients, self._bucket, key, content), sha256)
        request = package.request(candidate, self._group, identity, plan)
        with told(f"a version of {self._group}", RegistryError):
            arn = self._sagemaker.create_model_package(**request)["ModelPackageArn"]
        return self._read(arn)

    def versions(self) -> list[Version]:
        """All versions, the newest first.

        Raises:
            RegistryError: SageMaker does not say.
        """
        return [self._read(one["ModelPackageArn"]) for one in self._listed()]

    def numbers(self, approval: Approval | None = None) -> list[int]:
        """Numbers of the versions, the newest first, without reading the versions themselves.

        Raises:
            RegistryError: SageMaker does not say.
        """
        wanted = {} if approval is None else {"ModelApprovalStatus": str(approval)}
        found = [one["ModelPackageVersion"] for one in self._listed(**wanted)]
        return sorted(found, reverse=True)

    def get(self, number: int) -> Version:
        """One version.

        Raises:
            RegistryError: there is none of this number, or it cannot be read.
        """
        for one in self._listed():
            if one["ModelPackageVersion"] == number:
                return self._read(one["ModelPackageArn"])
        raise RegistryError(f"there is no version {number} in {self._group}")

    def decide(self, version: Version, approval: Approval, why: str = "") -> Version:
        """Approve or reject; doing it twice changes nothing.

        Raises:
            RegistryError: SageMaker refused it.
        """
        current = self._read(version.name)
        if current.approval is approval:
            return current
        with told(version.name, RegistryError):
            self._sagemaker.update_model_package(
                ModelPackageArn=version.name,
                ModelApprovalStatus=str(approval),
                ApprovalDescription=why[:LONGEST_REASON] or str(approval),
            )
        return self._read(version.name)

    def reason(self, version: Version) -> str:
        """What was said when it was approved or rejected.

        Raises:
            RegistryError: SageMaker does not say.
        """
        return str(self._describe(version.name).get("ApprovalDescription", ""))

    @property
    def _sagemaker(self) -> Any:
        return self._clients.client("sagemaker")

    def _ensure_group(self) -> None:
        sagemaker, what = self._sagemaker, f"package group {self._group}"
        group = {"ModelPackageGroupName": self._group}
        if find(what, RegistryError, sagemaker.describe_model_package_group, **group) is None:
            make(what, RegistryError, sagemaker.create_model_package_group, **group)

    def _find(self, identity: str) -> str:
        """The package of a candidate, or nothing."""
        wanted = package.DESCRIPTION + identity
        for one in self._listed():
            if one.get("ModelPackageDescription") == wanted:
                return str(one["ModelPackageArn"])
        return ""

    def _listed(self, **wanted: str) -> Iterator[Mapping[str, Any]]:
        """Summaries, the newest first; a group that is not there has none."""
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=self._group,
            SortBy="CreationTime",
            SortOrder="Descending",
            **wanted,
        )
        with told(f"versions of {self._group}", RegistryError):
            try:
                for one in pages:
                    yield from one["ModelPackageSummaryList"]
            except self._sagemaker.exceptions.ClientError as error:
                if not is_missing(error):
                    raise

    def _read(self, arn: str) -> Version:
        return package.version(self._clients, self._describe(arn))

    def _describe(self, arn: str) -> Mapping[str, Any]:
        with told(arn, RegistryError):
            found: Mapping[str, Any] = self._sagemaker.describe_model_package(ModelPackageName=arn)
        return found
