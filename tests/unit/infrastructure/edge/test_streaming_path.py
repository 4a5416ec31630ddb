"""One request's way through the synthesised edge, to the orchestrator's route that takes it."""

from __future__ import annotations

from typing import cast

import pytest

from orchestrator_lambda.api.routes import make_routes
from orchestrator_lambda.api.routing import Route
from orchestrator_lambda.events.rest import RestEvent
from orchestrator_lambda.turns.services import Services
from tests.support.edge_boxes import DOMAIN, edge_templates
from tests.support.edge_walk import API_HOST, EdgeWalk, Event, Refused, Request

ROUTES = make_routes(cast(Services, None), ())


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_every_route_of_the_orchestrator_is_reached_from_outside(route: Route):
    path = _example_of(route)
    event = _walk(route.method, path)
    assert event.kind == "AWS::Lambda::Alias"
    assert _path_seen(event) == path


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_token_is_asked_for_by_all_but_the_open_routes(route: Route):
    assert _walk(route.method, _example_of(route)).authorized is not route.is_open


def test_with_an_issuer_of_ones_own_the_way_is_the_same_and_the_function_asks():
    event = _walk("POST", "/v1/conversations", variant="own_issuer")
    assert event.authorized is False


@pytest.mark.parametrize("path", ["/", "/c/0198", "/config.json", "/assets/index-Zz0UFpyz.js"])
def test_the_pages_paths_never_reach_the_api(path: str):
    with pytest.raises(Refused, match="the page's"):
        _walk("GET", path)


def test_another_host_ends_at_cloudfront():
    with pytest.raises(Refused, match="no such host"):
        _edge().walk(Request("GET", "other.example.com", "/v1/health"))


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", "other.example.com", "/live/v1/health"),
        Request("GET", API_HOST, "/live/v1/health"),
        Request("GET", DOMAIN, "/v1/health"),
        Request("GET", DOMAIN, "/live/ping"),
        Request("GET", DOMAIN, "/other/v1/health"),
    ],
)
def test_at_the_balancer_another_host_or_path_is_not_found(request_: Request):
    edge = _edge()
    edge.cloudfront(Request("GET", DOMAIN, "/v1/health"))
    with pytest.raises(Refused, match="balancer"):
        edge.balancer(request_)


def _edge(variant: str = "plain") -> EdgeWalk:
    return EdgeWalk(edge_templates(variant))


def _walk(method: str, path: str, variant: str = "plain") -> Event:
    return _edge(variant).walk(Request(method, DOMAIN, path))


def _example_of(route: Route) -> str:
    return route.template.replace("{id}", "0198-abc").replace("{seq}", "4")


def _path_seen(event: Event) -> str:
    """The path that the orchestrator matches its routes against."""
    return RestEvent(
        {"path": event.path, "resource": event.resource, "pathParameters": event.parameters or None}
    ).path()
