"""What a pipeline's callback step asks for: the image of one fingerprint.

A request says all that is needed to go on with it, so that it can be sent again while a build or a
scan runs, and can be read back from the build that it started.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from pipelines.errors import BuildError

BUILD = "build"  # in place of an image: parameters of a pipeline cannot be empty
TOKEN = re.compile(r"[A-Za-z0-9]{10}")
FINGERPRINT = re.compile(r"[0-9a-f]{16,64}")
EXECUTION = re.compile(r"arn:aws[a-z-]*:sagemaker:.*:pipeline/.*/execution/.+")
SOURCE = re.compile(r"s3://[a-z0-9.-]{3,63}/.+")
IMAGE = re.compile(r"[^\s@]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ImageRequest:
    """One callback.

    Attributes:
        token: what the step is answered with.
        execution: ARN of the pipeline execution that waits.
        image: an image that is there already, by digest; empty to look for one or build it.
        fingerprint: of the files that the image is made of.
        source: the bundle of these files in S3.
        stopping: the execution is being stopped and waits for an answer, whichever.
        waits_since: seconds since the epoch; 0 before it waits for anything but a build.
    """

    token: str
    execution: str
    image: str = ""
    fingerprint: str = ""
    source: str = ""
    stopping: bool = False
    waits_since: float = 0.0

    @classmethod
    def parse(cls, body: str) -> Self:
        """A request in the form that SageMaker sends to the step's queue.

        Raises:
            BuildError: it is no such message, or has no token to answer with.
        """
        try:
            message = json.loads(body)
        except ValueError as error:
            raise BuildError(f"a message in the build queue is no JSON: {error}") from error
        if not isinstance(message, dict) or not TOKEN.fullmatch(str(message.get("token", ""))):
            raise BuildError("a message in the build queue has no callback token")
        arguments = message.get("arguments") or {}
        image = str(arguments.get("ImageUri", ""))
        return cls(
            token=message["token"],
            execution=str(message.get("pipelineExecutionArn", "")),
            image="" if image == BUILD else image,
            fingerprint=str(arguments.get("Fingerprint", "")),
            source=str(arguments.get("ImageSource", "")),
            stopping="Stopping" in (message.get("status"), message.get("Status")),
            waits_since=float(message.get("waitsSince", 0.0)),
        )

    def check(self) -> None:
        """Refuse a request that names neither an image nor what to build it of.

        Raises:
            BuildError: which argument is wrong, and what would be right.
        """
        for name, form, right, value in self._rules():
            if not form.fullmatch(value):
                raise BuildError(f"{name} must be {right}, got {value!r}")

    def _rules(self) -> list[tuple[str, re.Pattern[str], str, str]]:
        if self.image:
            return [("ImageUri", IMAGE, "an image by digest (REPO@sha256:...)", self.image)]
        return [
            ("pipelineExecutionArn", EXECUTION, "an execution's ARN", self.execution),
            ("Fingerprint", FINGERPRINT, "hex digits", self.fingerprint),
            ("ImageSource", SOURCE, "s3://bucket/key", self.source),
        ]

    def message(self) -> str:
        """The form that `parse` reads."""
        arguments = {
            "ImageUri": self.image or BUILD,
            "Fingerprint": self.fingerprint,
            "ImageSource": self.source,
        }
        return json.dumps(
            {
                "token": self.token,
                "pipelineExecutionArn": self.execution,
                "arguments": arguments,
                "status": "Stopping" if self.stopping else "Executing",
                "waitsSince": self.waits_since,
            }
        )

    def waiting(self, now: float) -> Self:
        """The same, waiting since now if it did not wait before."""
        return self if self.waits_since else replace(self, waits_since=now)

    def variables(self) -> dict[str, str]:
        """What a build is told, and tells again."""
        return {
            "CALLBACK_TOKEN": self.token,
            "PIPELINE_EXECUTION": self.execution,
            "FINGERPRINT": self.fingerprint,
            "IMAGE_SOURCE": self.source,
        }

    @classmethod
    def of_variables(cls, told: Mapping[str, Any]) -> Self | None:
        """The request that a build was started for; None for a build that someone else started."""
        if not TOKEN.fullmatch(told.get("CALLBACK_TOKEN", "")):
            return None
        return cls(
            token=told["CALLBACK_TOKEN"],
            execution=told.get("PIPELINE_EXECUTION", ""),
            fingerprint=told.get("FINGERPRINT", ""),
            source=told.get("IMAGE_SOURCE", ""),
        )
