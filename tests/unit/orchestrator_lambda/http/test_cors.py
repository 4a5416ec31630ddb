from __future__ import annotations

import pytest

from orchestrator_lambda.http.cors import CorsPolicy, with_cors
from orchestrator_lambda.http.message import HttpRequest, HttpResponse
from orchestrator_lambda.http.multimap import Headers

OURS = "https://chat.example.com"
ALLOW = "Access-Control-Allow-Origin"


def answer(policy, method="GET", response=None, **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = HttpRequest(method=method, path="/", headers=Headers(names))
    application = with_cors(lambda request: response or HttpResponse(body=b"x"), policy)
    return application(request)


def test_a_page_of_a_listed_origin_may_read():
    headers = answer(CorsPolicy(origins=frozenset({OURS})), origin=OURS).headers
    assert headers[ALLOW] == OURS
    assert headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Credentials" not in headers


@pytest.mark.parametrize(
    "origin",
    [
        "https://chat.example.com.evil.net",
        "http://chat.example.com",
        "https://chat.example.com:8443",
        "https://evil.net",
        "null",
        "",
    ],
)
def test_no_other_page_may(origin):
    headers = answer(CorsPolicy(origins=frozenset({OURS})), origin=origin).headers
    assert ALLOW not in headers
    assert headers["Vary"] == "Origin"


def test_nobody_may_by_default():
    assert ALLOW not in answer(CorsPolicy(), origin=OURS).headers


def test_credentials_only_for_the_listed():
    policy = CorsPolicy(origins=frozenset({OURS}), credentials=True)
    assert answer(policy, origin=OURS).headers["Access-Control-Allow-Credentials"] == "true"
    assert "Access-Control-Allow-Credentials" not in answer(policy, origin="https://e.net").headers


def test_any_origin_never_goes_with_credentials():
    assert (
        answer(CorsPolicy(origins=frozenset({"*"})), origin="https://e.net").headers[ALLOW] == "*"
    )
    with pytest.raises(ValueError, match="credentials"):
        CorsPolicy(origins=frozenset({"*"}), credentials=True)


@pytest.mark.parametrize("origin", ["chat.example.com", "https://a/", "https://*.a.com", "null"])
def test_what_is_no_origin_is_refused_at_start(origin):
    with pytest.raises(ValueError, match="origin"):
        CorsPolicy(origins=frozenset({origin}))


def test_a_preflight_never_reaches_the_application():
    def application(request):
        raise AssertionError("reached")

    policy = CorsPolicy(origins=frozenset({OURS}))
    headers = Headers({"Origin": OURS, "Access-Control-Request-Method": "POST"})
    request = HttpRequest(method="OPTIONS", path="/", headers=headers)
    response = with_cors(application, policy)(request)
    assert response.status == 204
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert "Last-Event-ID" in response.headers["Access-Control-Allow-Headers"]


def test_a_preflight_of_another_origin_gets_no_leave():
    response = answer(
        CorsPolicy(origins=frozenset({OURS})),
        "OPTIONS",
        origin="https://evil.net",
        access_control_request_method="POST",
    )
    assert response.status == 204
    assert "Access-Control-Allow-Methods" not in response.headers


def test_plain_options_is_the_applications():
    assert answer(CorsPolicy(), "OPTIONS", origin=OURS).body == b"x"


def test_what_the_answer_varies_by_stays():
    response = HttpResponse(headers={"vary": "Accept"})
    headers = answer(CorsPolicy(origins=frozenset({OURS})), response=response, origin=OURS).headers
    assert headers["vary"] == "Accept, Origin"
    assert "Vary" not in headers
