"""What ECR does with an image by itself: scans it for known weaknesses, and signs it."""

from __future__ import annotations

import fnmatch
from datetime import timedelta
from typing import Any

from pipelines.testing.control_plane.ecr import Images
from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part


class ImageChecks(Part):
    """Scans and signatures, as far as a test scripts them.

    Attributes:
        on_push: whether an image is scanned when it is pushed.
        scan_s, signing_s: how long each takes.
        scan_status: how a scan ends.
        findings: of ECR's own scanner, in every image.
        enhanced: of Inspector.
        rules: of the registry's signing configuration; None before there is one.
        signing_fails: why; empty: it does not.
    """

    service = "ecr"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.on_push = True
        self.scan_s = 90.0
        self.signing_s = 30.0
        self.scan_status = "COMPLETE"
        self.findings: list[Answer] = []
        self.enhanced: list[Answer] = []
        self.rules: list[Answer] | None = None
        self.signing_fails = ""
        self._scans: dict[str, Any] = {}

    def find(self, severity: str, name: str = "CVE-2026-1111", package: str = "libx") -> None:
        """Let the scanner find something."""
        attributes = [{"key": "package_name", "value": package}]
        self.findings.append({"name": name, "severity": severity, "attributes": attributes})

    def start_image_scan(self, parameters: Parameters) -> Answer:
        digest = self._image(parameters).digest
        if digest in self._scans:
            raise ApiError("LimitExceededException", "The scan quota per image has been exceeded.")
        self._scans[digest] = self.now
        return {"imageScanStatus": {"status": "IN_PROGRESS"}}

    def describe_image_scan_findings(self, parameters: Parameters) -> Answer:
        image = self._image(parameters)
        begun = image.pushed if self.on_push else self._scans.get(image.digest)
        name = parameters["repositoryName"]
        if begun is None:
            raise ApiError(
                "ScanNotFoundException", f"Image scan does not exist for {name}@{image.digest}"
            )
        answer = {"repositoryName": name, "imageId": {"imageDigest": image.digest}}
        if self.now - begun < timedelta(seconds=self.scan_s):
            return {**answer, "imageScanStatus": {"status": "IN_PROGRESS"}}
        status = {"status": self.scan_status, "description": "as the test says"}
        start = int(parameters.get("nextToken") or 0)
        found = {"findings": self.findings[start : start + 1], "enhancedFindings": self.enhanced}
        more = {"nextToken": str(start + 1)} if start + 1 < len(self.findings) else {}
        return {**answer, "imageScanStatus": status, "imageScanFindings": found, **more}

    def describe_image_signing_status(self, parameters: Parameters) -> Answer:
        image, name = self._image(parameters), parameters["repositoryName"]
        answer = {"repositoryName": name, "imageId": {"imageDigest": image.digest}}
        statuses = [
            {"signingProfileArn": rule["signingProfileArn"], **self._signing(image.pushed)}
            for rule in self.rules or []
            if _signs(rule, name) and rule["since"] <= image.pushed
        ]
        return {**answer, "signingStatuses": statuses}

    def get_signing_configuration(self, parameters: Parameters) -> Answer:
        if self.rules is None:
            raise ApiError(
                "SigningConfigurationNotFoundException", "There is no signing configuration."
            )
        rules = [{key: one for key, one in rule.items() if key != "since"} for rule in self.rules]
        return {"signingConfiguration": {"rules": rules}}

    def put_signing_configuration(self, parameters: Parameters) -> Answer:
        told = parameters["signingConfiguration"]
        self.rules = [{**rule, "since": self.now} for rule in told["rules"]]
        return {"signingConfiguration": told}

    def _signing(self, pushed: Any) -> Answer:
        if self.now - pushed < timedelta(seconds=self.signing_s):
            return {"status": "IN_PROGRESS"}
        if self.signing_fails:
            return {"status": "FAILED", "failureReason": self.signing_fails}
        return {"status": "COMPLETE"}

    def _image(self, parameters: Parameters) -> Any:
        return self.plane.part(Images).find(parameters["repositoryName"], parameters["imageId"])


def _signs(rule: Answer, repository: str) -> bool:
    filters = rule.get("repositoryFilters") or [{"filter": "*"}]
    return any(fnmatch.fnmatchcase(repository, one["filter"]) for one in filters)
