"""Errors of the SageMaker runtime API, in the shape that AWS clients read."""

from __future__ import annotations

import json

MAX_MESSAGE = 2048
CONTAINER = "primary"


class PlatformError(Exception):
    """An error the platform answers with.

    Attributes:
        status: HTTP status of the answer.
        error_type: the API's name of the error; None where the platform gives a bare status.
        fields: what the body holds beside `Message`.
    """

    def __init__(
        self, status: int, error_type: str | None, message: str, **fields: str | int
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error_type = error_type
        self.message = message[:MAX_MESSAGE]
        self.fields = fields

    def body(self) -> bytes:
        """The JSON body."""
        return json.dumps({"Message": self.message, **self.fields}).encode()


def validation_error(message: str) -> PlatformError:
    """The call itself is wrong."""
    return PlatformError(400, "ValidationError", message)


def payload_too_large(limit: int) -> PlatformError:
    """The body is over the platform's limit; the container never sees it."""
    return PlatformError(413, None, f"HTTP content length exceeded {limit} bytes.")


def model_error(endpoint: str, status: int, answer: str) -> PlatformError:
    """The container answered 4xx or 5xx, or (status 0) did not answer properly."""
    kind = "client" if 400 <= status < 500 else "server"
    return PlatformError(
        424,
        "ModelError",
        f'Received {kind} error ({status}) from {CONTAINER} with message "{answer}".',
        OriginalStatusCode=status,
        OriginalMessage=answer[:MAX_MESSAGE],
        LogStreamArn=f"arn:aws:logs:local:000000000000:log-group:/aws/sagemaker/Endpoints/{endpoint}",
    )


def model_not_ready() -> PlatformError:
    """The container has not passed its first health check."""
    return PlatformError(429, "ModelNotReadyException", "The model is still loading; try again.")


def service_unavailable() -> PlatformError:
    """No container listens."""
    return PlatformError(503, "ServiceUnavailable", "The endpoint has no instance that answers.")


def internal_dependency() -> PlatformError:
    """Something inside the platform failed; the stand-in raises it only when told to."""
    return PlatformError(530, "InternalDependencyException", "An internal dependency failed.")


def internal_failure() -> PlatformError:
    """The platform itself failed."""
    return PlatformError(500, "InternalFailure", "The request failed inside the platform.")
