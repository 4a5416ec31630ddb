"""Every route of the orchestrator is reached from the browser's address, in the whole edge."""

from __future__ import annotations

from typing import cast

import pytest

from orchestrator_lambda.api.routes import make_routes
from orchestrator_lambda.api.routing import Route
from orchestrator_lambda.turns.services import Services
from tests.support.edge import Edges
from tests.support.edge_boxes import templates_of
from tests.support.edge_walk import EdgeWalk, Request

STAGES = ("dev", "prod")
ROUTES = make_routes(cast(Services, None), ())


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_a_request_reaches_the_orchestrators_alias(edges: Edges, stage: str, route: Route) -> None:
    edge = edges(stage)
    path = route.template.replace("{id}", "0198-abc").replace("{seq}", "4")

    event = EdgeWalk(templates_of(edge.templates)).walk(
        Request(route.method, edge.stage.edge.domain, path)
    )

    assert event.kind == "AWS::Lambda::Alias"
    assert "Orchestrator" in event.function
    assert event.authorized is not route.is_open
