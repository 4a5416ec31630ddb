"""API Gateway's REST API, and HTTP APIs with payload format 1.0, which look nearly the same."""

from __future__ import annotations

from typing import Any

from orchestrator_lambda.events import paths
from orchestrator_lambda.events.answers import LAMBDA_LIMIT, body_fields, checked_headers
from orchestrator_lambda.events.fields import Event, either_pairs, mapping, text
from orchestrator_lambda.http.message import EventIdentity, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query

IAM_FIELDS = {
    "user_arn": "userArn",
    "user_id": "user",
    "account_id": "accountId",
    "cognito_identity_id": "cognitoIdentityId",
    "cognito_authentication_type": "cognitoAuthenticationType",
}


class RestEvent:
    """One event of a REST API (source `rest`) or of an HTTP API's format 1.0 (`http`)."""

    limit = LAMBDA_LIMIT

    def __init__(self, event: Event) -> None:
        self._event = event
        self._context = mapping(event.get("requestContext"))
        self.source = "http" if event.get("version") == "1.0" else "rest"

    def method(self) -> str:
        """The method as it came."""
        return text(self._event.get("httpMethod"))

    def path(self) -> str:
        """Without stage and base path."""
        raw = text(self._event.get("path")) or "/"
        parameters = mapping(self._event.get("pathParameters"))
        matched = paths.matched_by_api(raw, text(self._event.get("resource")), parameters)
        own = matched or raw
        return paths.decoded(own) if self.source == "rest" else own

    def query(self) -> Query:
        """Decoded by API Gateway."""
        event = self._event
        return Query(
            either_pairs(
                event.get("multiValueQueryStringParameters"), event.get("queryStringParameters")
            )
        )

    def headers(self) -> Headers:
        """With every value of each."""
        event = self._event
        return Headers(either_pairs(event.get("multiValueHeaders"), event.get("headers")))

    def identity(self) -> EventIdentity:
        """IAM's principal, and the claims of a Cognito or Lambda authorizer."""
        authorizer = mapping(self._context.get("authorizer"))
        caller = mapping(self._context.get("identity"))
        iam = {name: text(caller.get(field)) for name, field in IAM_FIELDS.items()}
        return EventIdentity(
            claims=mapping(authorizer.get("claims")) or authorizer,
            iam={name: value for name, value in iam.items() if value},
        )

    def source_ip(self) -> str:
        """The client of the API."""
        return text(mapping(self._context.get("identity")).get("sourceIp"))

    def answer(self, response: HttpResponse) -> dict[str, Any]:
        """The proxy integration's answer."""
        answer: dict[str, Any] = {
            "statusCode": response.status,
            "headers": checked_headers(response),
        }
        if response.cookies:
            answer["multiValueHeaders"] = {"Set-Cookie": list(response.cookies)}
        return {**answer, **body_fields(response)}
