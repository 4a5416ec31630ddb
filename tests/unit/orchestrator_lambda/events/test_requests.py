"""Each front door's event becomes the same kind of request."""

from __future__ import annotations

import pytest

from orchestrator_lambda.errors import InvalidRequest, PayloadTooLarge
from orchestrator_lambda.events.invocation import EventSettings, Invocation
from orchestrator_lambda.events.kinds import OtherEvent, classify
from orchestrator_lambda.events.request import read_request
from tests.events.load import load_event

TRACE = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"


def read(event, **settings):
    prepared, http = classify(event)
    invocation = Invocation(request_id="r-1", trace_id=TRACE)
    return read_request(prepared, http, invocation, EventSettings(**settings))


def request_of(event, **settings):
    request, problem = read(event, **settings)
    assert problem is None
    return request


def problem_of(event, **settings):
    return read(event, **settings)[1]


def test_rest():
    request = request_of(load_event("rest"))
    assert (request.source, request.method) == ("rest", "POST")
    assert request.path == "/v1/conversations/c-1/messages"
    assert request.query.get_list("tag") == ["first", "second"]
    assert request.query["branch"] == "b two"
    assert request.headers["cookie"] == "theme=dark; lang=de"
    assert request.body == b'{"content": "hello"}'
    assert request.source_ip == "203.0.113.7"
    assert request.request_id == "r-1"
    assert request.streaming
    assert not request.identity.iam
    assert not request.identity.claims


def test_rest_with_null_for_everything_that_can_be_null():
    empty = dict.fromkeys(
        ["headers", "multiValueHeaders", "queryStringParameters", "body", "pathParameters"]
    )
    request = request_of(load_event("rest", multiValueQueryStringParameters=None, **empty))
    assert request.body == b""
    assert len(request.headers) == len(request.query) == 0


def test_http_api():
    request = request_of(load_event("http_api_v2"))
    assert (request.source, request.method, request.path) == (
        "http",
        "PUT",
        "/v1/conversations/c 1",
    )
    assert request.query.get_list("tag") == ["first", "second"]
    assert request.query["q"] == "a b+c"
    assert request.query["empty"] == ""
    assert request.headers["cookie"] == "theme=dark; lang=de"
    assert request.json() == {"title": "Grüße"}
    assert not request.streaming


def test_http_api_with_payload_format_1_is_not_taken_for_a_rest_api():
    request = request_of(load_event("http_api_v1"))
    assert (request.source, request.path) == ("http", "/v1/conversations/a%b")
    assert not request.streaming


def test_function_url():
    request = request_of(load_event("function_url"))
    assert (request.source, request.method) == ("url", "GET")
    assert request.query["limit"] == "5"
    assert request.body == b""
    assert request.streaming
    assert request.trace["traceparent"].startswith("00-0af7651916cd43dd8448eb211c80319c-")
    assert request.trace["tracestate"] == "vendor=1"
    assert request.trace["x-amzn-trace-id"] == TRACE


def test_load_balancer():
    request = request_of(load_event("alb"))
    assert (request.source, request.method, request.path) == ("alb", "GET", "/v1/conversations/a b")
    assert request.query["q"] == "a b+c d"
    assert request.query["na me"] == "x"
    assert request.source_ip == "203.0.113.7"
    assert not request.streaming
    assert not request.identity.iam


def test_load_balancer_with_several_values():
    request = request_of(load_event("alb_multi_value"))
    assert request.query.get_list("tag") == ["a&b", "second"]
    assert request.headers.get_list("x-many") == ["one", "two"]


def test_direct():
    request = request_of(load_event("direct"))
    assert (request.source, request.method, request.path) == ("direct", "POST", "/v1/conversations")
    assert request.query["dry"] == "1"
    assert request.query.get_list("tag") == ["first", "second"]
    assert request.json() == {"title": "Grüße"}
    assert request.headers["content-type"] == "application/json"
    assert not request.streaming


def test_a_direct_caller_cannot_write_an_identity():
    event = load_event("direct")
    event["requestContext"] = load_event("rest_iam")["requestContext"]
    request = request_of(event)
    assert not request.identity.iam
    assert not request.identity.claims


@pytest.mark.parametrize(
    ("name", "field", "encoded", "path"),
    [
        ("rest", "path", "/v1/a%252Fb", "/v1/a%2Fb"),
        ("function_url", "rawPath", "/v1/a%252Fb", "/v1/a%2Fb"),
        ("alb", "path", "/v1/a%252Fb", "/v1/a%2Fb"),
        ("http_api_v2", "rawPath", "/prod/v1/a%2Fb", "/v1/a%2Fb"),
        ("direct", "path", "/v1/a%2Fb", "/v1/a%2Fb"),
        ("rest", "path", "/v1/gr%C3%BC%C3%9Fe", "/v1/grüße"),
        ("rest", "path", "/v1/%FF%FE", "/v1/\ufffd\ufffd"),
        ("rest", "path", "/v1/100%", "/v1/100%"),
        ("rest", "path", "", "/"),
        ("rest", "path", None, "/"),
        ("rest", "path", "v1", "/v1"),
    ],
)
def test_a_path_is_decoded_once_and_only_once(name, field, encoded, path):
    assert request_of(load_event(name, **{field: encoded})).path == path


def test_a_base_path_mapping_is_taken_off_by_what_the_api_matched():
    event = load_event("rest", path="/chat/v1/conversations/c-1/messages")
    assert request_of(event).path == "/v1/conversations/c-1/messages"


def test_a_stage_that_is_called_like_the_first_segment_is_not_taken_off_twice():
    event = load_event("http_api_v2", rawPath="/v1/v1/conversations")
    event["requestContext"]["stage"] = "v1"
    event["pathParameters"] = {"proxy": "v1/conversations"}
    assert request_of(event).path == "/v1/conversations"
    event["routeKey"] = "$default"
    assert request_of(event).path == "/v1/conversations"
    event["rawPath"] = "/v1"
    assert request_of(event).path == "/"


def test_a_base_path_of_the_settings_is_taken_off_as_whole_segments():
    for path, expected in [("/chat/v1", "/v1"), ("/chat", "/"), ("/chatter/v1", "/chatter/v1")]:
        assert request_of(load_event("alb", path=path), base_path="/chat").path == expected


def test_which_events_stream_is_a_setting():
    assert not request_of(load_event("rest"), streaming=frozenset({"url"})).streaming
    assert not request_of(load_event("rest"), streaming=frozenset({"none"})).streaming


def test_a_body_in_base64_may_be_any_bytes():
    event = load_event("rest", body="//4AAQ==", isBase64Encoded=True)
    assert request_of(event).body == b"\xff\xfe\x00\x01"


@pytest.mark.parametrize("body", ["not base64!", "abc", "\u00fc"])
def test_a_body_that_is_not_the_base64_it_says(body):
    assert isinstance(
        problem_of(load_event("rest", body=body, isBase64Encoded=True)), InvalidRequest
    )


def test_unpaired_surrogates_do_not_crash():
    request = request_of(load_event("rest", body='{"a": "\ud800"}'))
    with pytest.raises(InvalidRequest):
        request.json()


def test_a_body_over_the_limit():
    problem = problem_of(load_event("rest", body="x" * 1025), max_body_bytes=1024)
    assert isinstance(problem, PayloadTooLarge)
    assert problem_of(load_event("rest", body="x" * 1024), max_body_bytes=1024) is None


def test_too_many_parameters():
    event = load_event("function_url", rawQueryString="&".join(["a=1"] * 500))
    assert isinstance(problem_of(event), InvalidRequest)


def test_no_method():
    assert isinstance(problem_of(load_event("rest", httpMethod="")), InvalidRequest)


@pytest.mark.parametrize("name", ["rest", "http_api_v1", "http_api_v2", "function_url", "alb"])
@pytest.mark.parametrize("junk", [None, 5, "text", [], [None], {"a": None}, {"a": [5]}, {"a": {}}])
def test_fields_of_the_wrong_type_crash_nothing(name, junk):
    event = load_event(name)
    for field in event:
        if field in ("requestContext", "httpMethod", "version"):
            continue
        read({**event, field: junk})
    for field in event["requestContext"]:
        if field in ("http", "elb"):
            continue
        read({**event, "requestContext": {**event["requestContext"], field: junk}})


def test_iam_of_both_formats():
    rest = request_of(load_event("rest_iam")).identity.iam
    assert rest["user_arn"] == "arn:aws:sts::123456789012:assumed-role/chat/ada"
    url = request_of(load_event("function_url")).identity.iam
    assert url["user_arn"] == "arn:aws:iam::123456789012:user/ada"
    pool = request_of(load_event("rest_identity_pool")).identity.iam
    assert pool["cognito_identity_id"] == "eu-central-1:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
    assert pool["cognito_authentication_type"] == "authenticated"


def test_an_identity_pools_user_of_a_function_url():
    event = load_event("function_url")
    event["requestContext"]["authorizer"]["iam"]["cognitoIdentity"] = {
        "amr": ["unauthenticated"],
        "identityId": "eu-central-1:x",
    }
    iam = request_of(event).identity.iam
    assert iam["cognito_authentication_type"] == "unauthenticated"


def test_claims_of_both_formats():
    rest = request_of(load_event("rest_cognito_authorizer")).identity.claims
    http = request_of(load_event("http_api_v2")).identity.claims
    assert rest["sub"] == http["sub"] == "3f1c7a52-0d0c-4c47-9d0e-2f0f0e1a7b11"


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (load_event("warmer"), OtherEvent.PING),
        (load_event("warmup_plugin"), OtherEvent.PING),
        ({"ping": True}, OtherEvent.PING),
        (load_event("scheduled"), OtherEvent.SCHEDULED),
        (load_event("sqs"), OtherEvent.UNKNOWN),
        ({}, OtherEvent.UNKNOWN),
        (None, OtherEvent.UNKNOWN),
        ([], OtherEvent.UNKNOWN),
        ("text", OtherEvent.UNKNOWN),
        (3.5, OtherEvent.UNKNOWN),
        ({"requestContext": None}, OtherEvent.UNKNOWN),
        ({"method": "GET"}, OtherEvent.UNKNOWN),
        ({"method": 5, "path": "/"}, OtherEvent.UNKNOWN),
    ],
)
def test_events_without_a_request(event, kind):
    assert classify(event) is kind
