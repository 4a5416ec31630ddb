"""A request as the event that a REST API with proxy integration hands to its function."""

from __future__ import annotations

import base64
import secrets
import time
import uuid
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from local.gateway.headers import API_HOST, API_ID, Pairs

ACCOUNT = "000000000000"


@dataclass(frozen=True, kw_only=True)
class EdgeRequest:
    """A request as it arrived at the REST API.

    Attributes:
        path: encoded as it was sent, without the query.
        query: encoded as it was sent.
        headers: as `request_headers` left them.
        client: address of whoever sent it.
    """

    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes
    client: str


def rest_event(request: EdgeRequest, stage: str) -> dict[str, Any]:
    """The event."""
    proxy = request.path.lstrip("/")
    query = _grouped(parse_qsl(request.query, keep_blank_values=True, errors="replace"))
    headers = _grouped(request.headers)
    return {
        "resource": "/{proxy+}" if proxy else "/",
        "path": request.path,
        "httpMethod": request.method,
        "headers": _last(headers),
        "multiValueHeaders": headers,
        "queryStringParameters": _last(query) or None,
        "multiValueQueryStringParameters": query or None,
        "pathParameters": {"proxy": proxy} if proxy else None,
        "stageVariables": None,
        "requestContext": _context(request, stage, bool(proxy)),
        **_body(request.body),
    }


def _context(request: EdgeRequest, stage: str, proxied: bool) -> dict[str, Any]:
    now = time.time()
    return {
        "resourceId": "l0c4l0",
        "resourcePath": "/{proxy+}" if proxied else "/",
        "httpMethod": request.method,
        "extendedRequestId": secrets.token_urlsafe(11) + "=",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "path": f"/{stage}{request.path}",
        "accountId": ACCOUNT,
        "protocol": "HTTP/1.1",
        "stage": stage,
        "domainPrefix": API_ID,
        "requestTimeEpoch": int(now * 1000),
        "requestId": str(uuid.uuid4()),
        "identity": _identity(request),
        "domainName": API_HOST,
        "apiId": API_ID,
    }


def _identity(request: EdgeRequest) -> dict[str, str | None]:
    """Nobody has signed the request; only the address and the program are known."""
    unknown = (
        "cognitoIdentityPoolId",
        "accountId",
        "cognitoIdentityId",
        "caller",
        "principalOrgId",
        "accessKey",
        "cognitoAuthenticationType",
        "cognitoAuthenticationProvider",
        "userArn",
        "user",
    )
    agents = [value for name, value in request.headers if name.lower() == "user-agent"]
    known = {"sourceIp": request.client, "userAgent": agents[-1] if agents else None}
    return {**dict.fromkeys(unknown), **known}


def _grouped(pairs: Pairs) -> dict[str, list[str]]:
    """Values by name; names that differ in case alone are one, as the first one writes it."""
    groups: dict[str, list[str]] = {}
    spelling: dict[str, str] = {}
    for name, value in pairs:
        groups.setdefault(spelling.setdefault(name.lower(), name), []).append(value)
    return groups


def _last(groups: dict[str, list[str]]) -> dict[str, str]:
    return {name: values[-1] for name, values in groups.items()}


def _body(data: bytes) -> dict[str, Any]:
    if not data:
        return {"body": None, "isBase64Encoded": False}
    try:
        return {"body": data.decode(), "isBase64Encoded": False}
    except UnicodeDecodeError:
        return {"body": base64.b64encode(data).decode(), "isBase64Encoded": True}
