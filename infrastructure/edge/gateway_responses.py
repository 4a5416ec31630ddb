"""What API Gateway answers by itself, in the same JSON as the orchestrator's own errors."""

from __future__ import annotations

import json
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

RETRY_MS = 1000


@dataclass(frozen=True)
class GatewayError:
    """One kind of refusal by the gateway.

    Attributes:
        kind: API Gateway's name of it.
        status: of the answer; None keeps the gateway's own, which differs within the kind.
        code: as the orchestrator names the same thing.
        message: one sentence for the caller.
        retry_after_ms: None where trying again is no use.
    """

    kind: str
    status: int | None
    code: str
    message: str
    retry_after_ms: int | None = None


ERRORS = (
    GatewayError(
        "UNAUTHORIZED",
        401,
        "unauthenticated",
        "send the header Authorization: Bearer with an access token of this service",
    ),
    GatewayError("EXPIRED_TOKEN", 401, "unauthenticated", "the token has expired"),
    GatewayError("ACCESS_DENIED", 403, "forbidden", "this token does not let you do this"),
    GatewayError("INVALID_SIGNATURE", 401, "unauthenticated", "the signature does not hold"),
    # API Gateway's name for a path or method that the API does not have.
    GatewayError("MISSING_AUTHENTICATION_TOKEN", 404, "not_found", "there is no such path"),
    GatewayError("RESOURCE_NOT_FOUND", 404, "not_found", "there is no such path"),
    GatewayError("REQUEST_TOO_LARGE", 413, "payload_too_large", "the body is too long"),
    GatewayError(
        "THROTTLED", 429, "rate_limited", "there are too many requests; try again soon", RETRY_MS
    ),
    GatewayError(
        "QUOTA_EXCEEDED", 429, "quota_exceeded", "the quota is used up; try later", RETRY_MS
    ),
    GatewayError(
        "AUTHORIZER_FAILURE",
        503,
        "identity_unavailable",
        "tokens cannot be checked at the moment; try again soon",
        RETRY_MS,
    ),
    GatewayError(
        "AUTHORIZER_CONFIGURATION_ERROR",
        503,
        "identity_unavailable",
        "tokens cannot be checked at the moment; try again soon",
        RETRY_MS,
    ),
    GatewayError(
        "INTEGRATION_TIMEOUT", 504, "internal_error", "the service did not answer in time"
    ),
    GatewayError(
        "DEFAULT_4XX", None, "invalid_request", "the request can not be served as it stands"
    ),
    GatewayError(
        "DEFAULT_5XX",
        None,
        "internal_error",
        "the request failed inside the service; its log has the request id",
    ),
)


def body_of(error: GatewayError) -> str:
    """The template of the answer's body; the gateway fills the request's id in."""
    fields = {
        "code": error.code,
        "message": error.message,
        "param": None,
        "retry_after_ms": error.retry_after_ms,
        "request_id": "$context.requestId",
    }
    return json.dumps({"error": fields})


def add_gateway_responses(scope: Construct, api: apigateway.RestApi) -> None:
    """Give every answer of the gateway itself the shape of the orchestrator's errors."""
    for error in ERRORS:
        apigateway.GatewayResponse(
            scope,
            f"Answer-{error.kind}",
            rest_api=api,
            type=apigateway.ResponseType.of(error.kind),
            status_code=None if error.status is None else str(error.status),
            response_headers=_headers(error),
            templates={"application/json": body_of(error)},
        )


def _headers(error: GatewayError) -> dict[str, str]:
    """Fixed values, in the quotes that API Gateway wants around them."""
    headers = {"Cache-Control": "'no-store'"}
    if error.status == 401:
        headers["WWW-Authenticate"] = "'Bearer'"
    if error.retry_after_ms is not None:
        headers["Retry-After"] = f"'{error.retry_after_ms // 1000}'"
    return headers
