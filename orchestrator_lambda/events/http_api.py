"""API Gateway's HTTP API with payload format 2.0, and function URLs, which share that format."""

from __future__ import annotations

from typing import Any

from orchestrator_lambda.events import paths
from orchestrator_lambda.events.answers import LAMBDA_LIMIT, proxy_answer
from orchestrator_lambda.events.fields import Event, mapping, single_pairs, text
from orchestrator_lambda.http.message import EventIdentity, HttpResponse
from orchestrator_lambda.http.multimap import Headers, Query

DEFAULT = "$default"


class HttpApiEvent:
    """One event of an HTTP API (source `http`) or of a function URL (`url`)."""

    limit = LAMBDA_LIMIT

    def __init__(self, event: Event) -> None:
        self._event = event
        self._context = mapping(event.get("requestContext"))
        self._http = mapping(self._context.get("http"))
        is_url = ".lambda-url." in text(self._context.get("domainName"))
        self.source = "url" if is_url else "http"

    def method(self) -> str:
        """The method as it came."""
        return text(self._http.get("method"))

    def path(self) -> str:
        """Without stage and base path; an HTTP API has decoded it, a function URL has not."""
        raw = text(self._event.get("rawPath")) or "/"
        if self.source == "url":
            return paths.decoded(raw)
        template = text(self._event.get("routeKey")).partition(" ")[2]
        parameters = mapping(self._event.get("pathParameters"))
        matched = paths.matched_by_api(raw, template, parameters)
        return matched or paths.without_prefix(raw, self._stage_prefix())

    def query(self) -> Query:
        """Of the text that the client sent."""
        return Query(paths.query_pairs(text(self._event.get("rawQueryString"))))

    def headers(self) -> Headers:
        """Several lines of one header came joined; cookies came apart."""
        headers = single_pairs(self._event.get("headers"))
        cookies = self._event.get("cookies")
        if isinstance(cookies, list):
            texts = [cookie for cookie in cookies if isinstance(cookie, str)]
            headers = [pair for pair in headers if pair[0].lower() != "cookie"]
            headers.append(("cookie", "; ".join(texts)))
        return Headers(headers)

    def identity(self) -> EventIdentity:
        """IAM's principal, and the claims of a JWT or Lambda authorizer."""
        authorizer = mapping(self._context.get("authorizer"))
        iam = mapping(authorizer.get("iam"))
        cognito = mapping(iam.get("cognitoIdentity"))
        principal = {
            "user_arn": text(iam.get("userArn")),
            "user_id": text(iam.get("userId")),
            "account_id": text(iam.get("accountId")),
            "cognito_identity_id": text(cognito.get("identityId")),
            "cognito_authentication_type": _authentication(cognito.get("amr")),
        }
        jwt = mapping(authorizer.get("jwt"))
        return EventIdentity(
            claims=mapping(jwt.get("claims")) or mapping(authorizer.get("lambda")),
            iam={name: value for name, value in principal.items() if value},
        )

    def source_ip(self) -> str:
        """The client of the API."""
        return text(self._http.get("sourceIp"))

    def answer(self, response: HttpResponse) -> dict[str, Any]:
        """Payload format 2.0."""
        return proxy_answer(response)

    def _stage_prefix(self) -> str:
        stage = text(self._context.get("stage"))
        return "" if stage in ("", DEFAULT) else f"/{stage}"


def _authentication(methods: object) -> str:
    """How an identity pool knows its user, in the words of the REST API."""
    if not isinstance(methods, list):
        return ""
    return "authenticated" if "authenticated" in methods else "unauthenticated"
