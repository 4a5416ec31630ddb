"""One step further with a request: whatever has happened, look at what is there, and act on it.

    the request has an image     ----------------------------------> success
    ECR has the fingerprint's    gate accepts ---------------------> success
                                 gate refuses ---------------------> failure
                                 scan or signature still running --> ask again later
    a build was started for it   runs -----------------------------> its end is an event
                                 failed ---------------------------> failure
    nothing is there             the execution waits --------------> start a build
                                 the execution was stopped --------> failure

Nothing is remembered between two looks but what the request says and AWS knows, so that a message
may come twice, late or in any order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from pipelines.aws import Clients
from pipelines.errors import PipelineError
from pipelines.image.answers import Answers
from pipelines.image.builds import Builds
from pipelines.image.findings import read_allowances
from pipelines.image.gate import judge
from pipelines.image.queue import BuildQueue
from pipelines.image.repository import Repository, StoredImage, image_tag
from pipelines.image.request import ImageRequest
from pipelines.names import Names

LOOK_AGAIN_S = 60
LONGEST_WAIT_S = 3600.0
Clock = Callable[[], float]


class Builder:
    """What answers requests for images.

    Args:
        clients: of the account.
        names: of the deployment.
        clock: seconds since the epoch.
    """

    def __init__(self, clients: Clients, names: Names, clock: Clock = time.time) -> None:
        self._answers = Answers(clients.client("sagemaker"))
        self._builds = Builds(clients.client("codebuild"), names.build_project)
        self._queue = BuildQueue(clients.client("sqs"), names.build_queue)
        self._repository = Repository(clients.client("ecr"), names.repository)
        self._clock = clock

    def advance(self, request: ImageRequest) -> str:
        """Go one step on; what was done, in a few words for the log.

        Raises:
            ClientError: AWS did not do what was asked; the same request may be tried again.
        """
        try:
            return self._stop(request) if request.stopping else self._go_on(request)
        except PipelineError as error:
            return self.refuse(request, str(error))

    def refuse(self, request: ImageRequest, reason: str) -> str:
        """Answer that there will be no image."""
        return f"refused: {reason}" if self._answers.fail(request.token, reason) else "too late"

    def _go_on(self, request: ImageRequest) -> str:
        request.check()
        if request.image:
            return self._accept(request, request.image)
        image = self._repository.find(image_tag(request.fingerprint))
        if image is not None:
            return self._judge(request, image)
        builds = self._builds.of(request.token)
        if not builds:
            return self._begin(request)
        if builds[0].failed:
            return self.refuse(request, str(builds[0]))
        return "a build runs" if builds[0].runs else self._wait(request, "image to appear in ECR")

    def _begin(self, request: ImageRequest) -> str:
        status = self._answers.execution_status(request.execution)
        if status != "Executing":
            return self.refuse(request, f"the pipeline execution is {status}: nothing was built")
        self._builds.start(request)
        return "a build was started"

    def _judge(self, request: ImageRequest, image: StoredImage) -> str:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        verdict = judge(
            self._repository.scan(image.digest),
            self._repository.signature(image.digest),
            read_allowances(),
            today,
        )
        if verdict.accepts:
            return self._accept(request, image.uri)
        if verdict.reason:
            return self.refuse(request, verdict.reason)
        return self._wait(request, f"image's {verdict.pending} to end")

    def _accept(self, request: ImageRequest, uri: str) -> str:
        return f"image {uri}" if self._answers.succeed(request.token, uri) else "too late"

    def _wait(self, request: ImageRequest, what: str) -> str:
        waiting = request.waiting(self._clock())
        if self._clock() - waiting.waits_since > LONGEST_WAIT_S:
            minutes = round(LONGEST_WAIT_S / 60)
            return self.refuse(request, f"waited {minutes} minutes for the {what}")
        self._queue.send(waiting, LOOK_AGAIN_S)
        return f"waits for the {what}"

    def _stop(self, request: ImageRequest) -> str:
        for build in self._builds.of(request.token):
            if build.runs:
                self._builds.stop(build)
        return self.refuse(request, "the pipeline execution was stopped")
