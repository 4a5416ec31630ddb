"""CodeBuild: builds that take their time, end as a test says, and say so by events."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from pipelines.testing.control_plane.ecr import Images
from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page

EVENT = "CodeBuild Build State Change"
KNOWN_TOKEN_S = 300
Work = Callable[[dict[str, str]], str]


class CodeBuild(Part):
    """StartBuild and its kin.

    Attributes:
        projects: their variables, by name.
        items: builds by id.
        seconds: how long a build takes.
        work: what a build does with its variables; returns its status. At first it pushes an image
            with the tag IMAGE_TAG to the repository of REPOSITORY_URI.
    """

    service = "codebuild"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.projects: dict[str, dict[str, str]] = {}
        self.items: dict[str, Answer] = {}
        self.seconds = 1200.0
        self.work: Work = self._push
        self._tokens: dict[str, tuple[Parameters, str]] = {}
        self._count = itertools.count(1)

    def resources(self) -> Iterable[str]:
        running = (one for one in self.items.values() if not one["buildComplete"])
        return (f"running-build/{one['id']}" for one in running)

    def start_build(self, parameters: Parameters) -> Answer:
        project = self._project(parameters)
        token = parameters.get("idempotencyToken", "")
        known, identity = self._tokens.get(token, ({}, ""))
        fresh = timedelta(seconds=KNOWN_TOKEN_S)
        if identity and self.now - self.items[identity]["startTime"] <= fresh:
            if known != parameters:
                raise ApiError("InvalidInputException", "The parameters do not match the token.")
            return {"build": self.items[identity]}
        build = self._begin(project, parameters)
        if token:
            self._tokens[token] = (dict(parameters), build["id"])
        return {"build": build}

    def batch_get_builds(self, parameters: Parameters) -> Answer:
        wanted = [one.rpartition("build/")[2] for one in parameters["ids"]]
        found = [self.items[one] for one in wanted if one in self.items]
        return {"builds": found, "buildsNotFound": [one for one in wanted if one not in self.items]}

    def list_builds_for_project(self, parameters: Parameters) -> Answer:
        project = self._project(parameters)
        found = [one["id"] for one in self.items.values() if one["projectName"] == project]
        if parameters.get("sortOrder", "DESCENDING") == "DESCENDING":
            found.reverse()
        return page(found, parameters, "ids", token="nextToken", default=100)

    def stop_build(self, parameters: Parameters) -> Answer:
        identity = parameters["id"].rpartition("build/")[2]
        if identity not in self.items:
            raise ApiError("ResourceNotFoundException", "Build does not exist.")
        self._end(identity, "STOPPED")
        return {"build": self.items[identity]}

    def make_project(self, name: str, **variables: str) -> None:
        """A project with its own variables."""
        self.projects[name] = variables

    def fail(self, variables: dict[str, str]) -> str:
        """Work that comes to nothing."""
        return "FAILED"

    def _push(self, variables: dict[str, str]) -> str:
        repository = variables["REPOSITORY_URI"].partition("/")[2]
        self.plane.part(Images).push(repository, variables["IMAGE_TAG"])
        return "SUCCEEDED"

    def _begin(self, project: str, parameters: Parameters) -> Answer:
        number = next(self._count)
        identity = f"{project}:{number:08d}-0000-0000-0000-000000000000"
        told = parameters.get("environmentVariablesOverride", [])
        self.items[identity] = {
            "id": identity,
            "arn": self.arn(f"build/{identity}"),
            "buildNumber": number,
            "startTime": self.now,
            "buildStatus": "IN_PROGRESS",
            "buildComplete": False,
            "projectName": project,
            "phases": [],
            "source": {"type": "S3", "location": parameters.get("sourceLocationOverride", "")},
            "environment": {
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_LARGE",
                "environmentVariables": list(told),
            },
            "logs": {"deepLink": f"https://console.example/{identity}"},
        }
        self._tell(identity)
        self.plane.after(self.seconds, lambda: self._finish(identity))
        return self.items[identity]

    def _finish(self, identity: str) -> None:
        build = self.items[identity]
        if build["buildComplete"]:
            return
        told = {one["name"]: one["value"] for one in build["environment"]["environmentVariables"]}
        self._end(identity, self.work({**self.projects[build["projectName"]], **told}))

    def _end(self, identity: str, status: str) -> None:
        build = self.items[identity]
        if build["buildComplete"]:
            return
        build |= {"buildStatus": status, "buildComplete": True, "endTime": self.now}
        context = {"statusCode": "COMMAND_EXECUTION_ERROR", "message": "exit status 1"}
        build["phases"] = [
            {
                "phaseType": "BUILD",
                "phaseStatus": status,
                "contexts": [context] if status == "FAILED" else [],
            }
        ]
        self._tell(identity)

    def _tell(self, identity: str) -> None:
        build = self.items[identity]
        detail = {
            "build-status": build["buildStatus"],
            "project-name": build["projectName"],
            "build-id": build["arn"],
            "current-phase": "COMPLETED" if build["buildComplete"] else "SUBMITTED",
            "version": "1",
        }
        self.plane.emit("aws.codebuild", EVENT, detail, build["arn"])

    def _project(self, parameters: Parameters) -> str:
        name: str = parameters["projectName"]
        if name not in self.projects:
            raise ApiError(
                "ResourceNotFoundException",
                f"Project cannot be found: {self.arn(f'project/{name}')}",
            )
        return name
