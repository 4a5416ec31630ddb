"""Builds of the image in CodeBuild: started once for a callback, found again, stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import BuildError
from pipelines.image.repository import image_tag
from pipelines.image.request import ImageRequest

RUNNING = "IN_PROGRESS"
SUCCEEDED = "SUCCEEDED"


@dataclass(frozen=True)
class Build:
    """One build.

    Attributes:
        status: CodeBuild's word.
        request: what it was started for; None if not by us.
        problem: the phase that failed and why, where CodeBuild says it.
        log: where to read on.
    """

    identity: str
    status: str
    request: ImageRequest | None
    problem: str = ""
    log: str = ""

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self.status == RUNNING

    @property
    def failed(self) -> bool:
        """Whether it ended without an image."""
        return self.status not in (RUNNING, SUCCEEDED)

    def __str__(self) -> str:
        detail = f": {self.problem}" if self.problem else ""
        where = f"; log: {self.log}" if self.log else ""
        return f"build {self.identity} ended as {self.status}{detail}{where}"


class Builds:
    """The builds of one project."""

    def __init__(self, codebuild: Any, project: str) -> None:
        self._codebuild, self._project = codebuild, project

    def start(self, request: ImageRequest) -> None:
        """Begin one. CodeBuild knows the callback's token for five minutes: twice is once."""
        told = {**request.variables(), "IMAGE_TAG": image_tag(request.fingerprint)}
        self._codebuild.start_build(
            projectName=self._project,
            sourceTypeOverride="S3",
            sourceLocationOverride=request.source.removeprefix("s3://"),
            environmentVariablesOverride=[
                {"name": name, "value": value, "type": "PLAINTEXT"} for name, value in told.items()
            ],
            idempotencyToken=f"{request.token}-{request.fingerprint}",
        )

    def of(self, token: str) -> list[Build]:
        """The builds that were started for a callback, the newest first.

        Raises:
            BuildError: the project is not there.
        """
        found = self._get(self._newest())
        return [build for build in found if build.request and build.request.token == token]

    def get(self, identity: str) -> Build | None:
        """One build by its id or ARN."""
        found = self._get([identity])
        return found[0] if found else None

    def stop(self, build: Build) -> None:
        """End one; nothing happens to one that has ended."""
        self._codebuild.stop_build(id=build.identity)

    def _newest(self) -> list[str]:
        """A hundred ids, more than can be under way at once."""
        try:
            listed = self._codebuild.list_builds_for_project(
                projectName=self._project, sortOrder="DESCENDING"
            )
        except self._codebuild.exceptions.ResourceNotFoundException as error:
            raise BuildError(
                f"there is no CodeBuild project {self._project}: `keepwarm pipeline setup` makes it"
            ) from error
        identities: list[str] = listed["ids"]
        return identities

    def _get(self, identities: list[str]) -> list[Build]:
        if not identities:
            return []
        found = self._codebuild.batch_get_builds(ids=identities)["builds"]
        order = {identity: place for place, identity in enumerate(identities)}
        return [_build(one) for one in sorted(found, key=lambda one: order.get(one["id"], 0))]


def _build(told: Mapping[str, Any]) -> Build:
    variables = told["environment"].get("environmentVariables", [])
    return Build(
        identity=told["id"],
        status=told["buildStatus"],
        request=ImageRequest.of_variables({one["name"]: one["value"] for one in variables}),
        problem=_problem(told.get("phases", [])),
        log=told.get("logs", {}).get("deepLink", ""),
    )


def _problem(phases: list[Mapping[str, Any]]) -> str:
    for phase in phases:
        if phase.get("phaseStatus", "SUCCEEDED") != "SUCCEEDED":
            said = [one.get("message", "") for one in phase.get("contexts", [])]
            return f"{phase['phaseType']} {' '.join(filter(None, said))}".strip()
    return ""
