"""SageMaker's model registry: groups, versions, approvals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.named import invalid
from pipelines.testing.control_plane.part import Answer, Parameters, Part, page

SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
)
EVENT = "SageMaker Model Package State Change"


class Packages(Part):
    """CreateModelPackageGroup, CreateModelPackage and their kin.

    Attributes:
        groups: by name.
        items: packages by ARN.
    """

    service = "sagemaker"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.groups: dict[str, Answer] = {}
        self.items: dict[str, Answer] = {}
        self._tokens: dict[str, str] = {}
        self._last: dict[str, int] = {}

    def resources(self) -> Iterable[str]:
        yield from (f"model-package-group/{name}" for name in self.groups)
        yield from (arn.rpartition(":")[2] for arn in self.items)

    def create_model_package_group(self, parameters: Parameters) -> Answer:
        name = parameters["ModelPackageGroupName"]
        if name in self.groups:
            raise invalid(f"Model Package Group already exists: {self._group_arn(name)}")
        self.groups[name] = {
            "ModelPackageGroupName": name,
            "ModelPackageGroupArn": self._group_arn(name),
            "CreationTime": self.now,
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        }
        return {"ModelPackageGroupArn": self._group_arn(name)}

    def describe_model_package_group(self, parameters: Parameters) -> Answer:
        return self._group(parameters["ModelPackageGroupName"])

    def delete_model_package_group(self, parameters: Parameters) -> Answer:
        name = self._group(parameters["ModelPackageGroupName"])["ModelPackageGroupName"]
        if any(one["ModelPackageGroupName"] == name for one in self.items.values()):
            raise invalid(f"Model Package Group {name} contains Model Packages.")
        del self.groups[name]
        return {}

    def create_model_package(self, parameters: Parameters) -> Answer:
        token = parameters.get("ClientToken")
        if token and token in self._tokens:
            return {"ModelPackageArn": self._tokens[token]}
        group = self._group(parameters["ModelPackageGroupName"])["ModelPackageGroupName"]
        number = self._last[group] = self._last.get(group, 0) + 1
        arn = self.arn(f"model-package/{group}/{number}")
        given = {key: one for key, one in parameters.items() if key not in ("ClientToken", "Tags")}
        self.items[arn] = {
            "ModelApprovalStatus": "PendingManualApproval",
            **given,
            "ModelPackageName": group,
            "ModelPackageGroupName": group,
            "ModelPackageVersion": number,
            "ModelPackageArn": arn,
            "CreationTime": self.now,
            "ModelPackageStatus": "Completed",
            "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        }
        if token:
            self._tokens[token] = arn
        self._tell(self.items[arn])
        return {"ModelPackageArn": arn}

    def describe_model_package(self, parameters: Parameters) -> Answer:
        return self._package(parameters["ModelPackageName"])

    def update_model_package(self, parameters: Parameters) -> Answer:
        package = self._package(parameters["ModelPackageArn"])
        changes = dict(parameters)
        properties = changes.pop("CustomerMetadataProperties", {})
        for gone in changes.pop("CustomerMetadataPropertiesToRemove", []):
            package.get("CustomerMetadataProperties", {}).pop(gone, None)
        package |= changes | {"LastModifiedTime": self.now}
        if properties:
            known = package.get("CustomerMetadataProperties", {})
            package["CustomerMetadataProperties"] = {**known, **properties}
        self._tell(package)
        return {"ModelPackageArn": package["ModelPackageArn"]}

    def delete_model_package(self, parameters: Parameters) -> Answer:
        del self.items[self._package(parameters["ModelPackageName"])["ModelPackageArn"]]
        return {}

    def list_model_packages(self, parameters: Parameters) -> Answer:
        group = parameters.get("ModelPackageGroupName")
        status = parameters.get("ModelApprovalStatus")
        found = [
            {key: one[key] for key in SUMMARY if key in one}
            for one in self.items.values()
            if group in (None, one["ModelPackageGroupName"])
            and status in (None, one["ModelApprovalStatus"])
        ]
        if parameters.get("SortOrder", "Descending") == "Descending":
            found.reverse()
        return page(found, parameters, "ModelPackageSummaryList")

    def _tell(self, package: Answer) -> None:
        fields = ("ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn")
        states = ("ModelPackageStatus", "ModelApprovalStatus")
        detail = {key: package[key] for key in (*fields, *states)}
        self.plane.emit("aws.sagemaker", EVENT, detail, package["ModelPackageArn"])

    def _package(self, name: str) -> Answer:
        arn = name if name.startswith("arn:") else self.arn(f"model-package/{name}")
        if arn not in self.items:
            raise invalid(f"ModelPackage {arn} does not exist.")
        return self.items[arn]

    def _group(self, name: str) -> Answer:
        short = name.rpartition("/")[2]
        if short not in self.groups:
            raise invalid(f"Model Package Group {self._group_arn(short)} does not exist.")
        return self.groups[short]

    def _group_arn(self, name: str) -> str:
        return self.arn(f"model-package-group/{name}")
