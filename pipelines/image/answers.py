"""Answers to a callback step. Each is given once, however often it is sent."""

from __future__ import annotations

import hashlib
from typing import Any

from botocore.exceptions import ClientError

from pipelines.image.failures import error_code

OUTPUT = "ImageUri"  # the step's output, which later steps refer to
LONGEST_REASON = 256
ENDED = ("ValidationException", "ResourceNotFound")


class Answers:
    """What SageMaker is told, and asked about who waits."""

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker

    def succeed(self, token: str, image: str) -> bool:
        """Give the image, by digest; False if the step waits no more."""
        return self._send(
            self._sagemaker.send_pipeline_execution_step_success,
            CallbackToken=token,
            OutputParameters=[{"Name": OUTPUT, "Value": image}],
            ClientRequestToken=_request_token(token, image),
        )

    def fail(self, token: str, reason: str) -> bool:
        """Give a reason; False if the step waits no more."""
        short = reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 3]}..."
        return self._send(
            self._sagemaker.send_pipeline_execution_step_failure,
            CallbackToken=token,
            FailureReason=short,
            ClientRequestToken=_request_token(token, short),
        )

    def execution_status(self, execution: str) -> str:
        """How the pipeline execution is, such as `Executing`."""
        told = self._sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        status: str = told["PipelineExecutionStatus"]
        return status

    def _send(self, send: Any, **parameters: Any) -> bool:
        try:
            send(**parameters)
        except ClientError as error:
            if error_code(error) in ENDED:
                return False
            raise
        return True


def _request_token(token: str, content: str) -> str:
    """The same for the same answer, so that SageMaker knows it again after a lost reply."""
    return hashlib.sha256(f"{token} {content}".encode()).hexdigest()
