"""An account in which images are built: fake queue, builds, registry; the real functions."""

from __future__ import annotations

import json
from typing import Any

from pipelines.functions import build_finished, build_image
from pipelines.image.repository import image_tag
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.codebuild import EVENT, CodeBuild
from pipelines.testing.control_plane.ecr import Images
from pipelines.testing.control_plane.ecr_checks import ImageChecks
from pipelines.testing.control_plane.pipelines import Pipelines
from pipelines.testing.control_plane.sqs import Queues

FINGERPRINT = "0123456789abcdef01234567"
SOURCE = f"s3://keepwarm-123456789012-us-east-1/image-sources/{FINGERPRINT}.zip"
STEP = "BuildImage"
DONE_S = 7200.0


class ImageAccount:
    """What a test drives and looks at."""

    def __init__(self) -> None:
        self.plane = ControlPlane()
        self._clients = {
            role: self.plane.as_role(role) for role in ("build-image", "build-finished")
        }
        self.settings = DeploymentSettings()
        self.names = self.settings.names
        self.builds = self.plane.part(CodeBuild)
        self.images = self.plane.part(Images)
        self.checks = self.plane.part(ImageChecks)
        self.pipelines = self.plane.part(Pipelines)
        self.queues = self.plane.part(Queues)
        self.uri = self.images.make(self.names.repository)
        self.builds.make_project(self.names.build_project, REPOSITORY_URI=self.uri)
        self.queue_url = self.queues.make(self.names.build_queue, build_image.RECEIVES)
        self.queues.subscribe(self.names.build_queue, self.build_image)
        self.plane.on_event(self.build_finished, {"detail-type": [EVENT]})
        sagemaker = self.plane.client("sagemaker")
        sagemaker.create_pipeline(
            PipelineName=self.names.pipeline,
            PipelineDefinition="{}",
            RoleArn="arn:aws:iam::123456789012:role/keepwarm-pipeline",
            ClientRequestToken="c" * 32,
        )

    def build_image(self, event: dict[str, Any]) -> dict[str, Any]:
        """The function on the queue."""
        return build_image.handle(
            event, self._clients["build-image"], self.settings, self.plane.now.timestamp
        )

    def build_finished(self, event: dict[str, Any]) -> dict[str, Any]:
        """The function behind CodeBuild's events."""
        return build_finished.handle(event, self._clients["build-finished"], self.settings)

    def start(self) -> str:
        """A new pipeline execution."""
        started = self.plane.client("sagemaker").start_pipeline_execution(
            PipelineName=self.names.pipeline
        )
        arn: str = started["PipelineExecutionArn"]
        return arn

    def wait(self) -> tuple[str, str]:
        """A pipeline execution that has come to its callback step; token and execution."""
        execution = self.start()
        return self.pipelines.callback(execution, STEP, self.queue_url), execution

    def ask(
        self, image: str = "build", source: str = SOURCE, fingerprint: str = FINGERPRINT
    ) -> str:
        """The same, and its message is in the queue; the token."""
        token, execution = self.wait()
        told = message(token, execution, image, source, fingerprint)
        self.queues.deliver(self.queue_url, told)
        return token

    def stop(self, token: str) -> None:
        """What SageMaker does with a callback step when its execution is stopped."""
        execution = self.pipelines._callbacks[token][0]
        self.pipelines.executions[execution]["PipelineExecutionStatus"] = "Stopping"
        self.queues.deliver(self.queue_url, message(token, execution, status="Stopping"))

    def settle(self, seconds: float = DONE_S) -> None:
        """Let time pass, enough for all that runs by itself."""
        self.plane.advance(seconds)

    def push(self) -> str:
        """The image of FINGERPRINT, there and scanned already; by digest."""
        digest = self.images.push(self.names.repository, image_tag(FINGERPRINT))
        self.settle(600)
        return f"{self.uri}@{digest}"

    def image_of(self, token: str) -> str:
        """What a step was answered with."""
        answer = self.pipelines.answered[token]
        assert "FailureReason" not in answer, answer
        (output,) = answer["OutputParameters"]
        assert output["Name"] == "ImageUri"
        value: str = output["Value"]
        return value

    def reason_of(self, token: str) -> str:
        """Why a step was refused."""
        reason: str = self.pipelines.answered[token]["FailureReason"]
        return reason

    @property
    def built(self) -> str:
        """The image of FINGERPRINT in the registry, by digest."""
        return self.built_of(FINGERPRINT)

    def built_of(self, fingerprint: str) -> str:
        """The image of a fingerprint."""
        image = self.images.find(self.names.repository, {"imageTag": image_tag(fingerprint)})
        return f"{self.uri}@{image.digest}"

    def count(self, operation: str) -> int:
        """How often something was called."""
        return sum(call.operation == operation for call in self.plane.calls)

    @property
    def unfinished(self) -> set[str]:
        """Messages and builds that nobody has dealt with."""
        kinds = ("message/", "running-build/")
        return {one for one in self.plane.resources() if one.startswith(kinds)}


def message(
    token: str,
    execution: str,
    image: str = "build",
    source: str = SOURCE,
    fingerprint: str = FINGERPRINT,
    status: str = "Executing",
) -> str:
    """A callback's message as SageMaker sends it."""
    arguments = {"ImageUri": image, "Fingerprint": fingerprint, "ImageSource": source}
    body = {"token": token, "pipelineExecutionArn": execution, "status": status}
    return json.dumps({**body, "arguments": arguments})
