"""The orchestrator's backends: what the function is told is what the models stack makes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator_lambda.backends.fleet import path_of
from pipelines.endpoint.spec import PREFIX_BYTES
from tests.support.edge import Edge, Edges


def test_the_function_calls_the_endpoint_and_the_component_that_are_made(edges: Edges):
    edge = edges("dev")
    endpoint = _backends(edge)[0]
    assert endpoint["endpoint"] == _only(edge, "AWS::SageMaker::Endpoint")["EndpointName"]
    component = _only(edge, "AWS::SageMaker::InferenceComponent")["InferenceComponentName"]
    assert endpoint["inference_component"] == component


def test_the_function_calls_the_name_that_the_fleets_certificate_has(edges: Edges):
    edge = edges("prod")
    fleet = _backends(edge)[1]
    names = {
        one.properties["DomainName"]
        for one in edge.resources("AWS::CertificateManager::Certificate")
    }
    records = {
        one.properties["Name"]
        for one in edge.resources("AWS::Route53::RecordSet")
        if one.path.startswith("models/")
    }
    host = fleet["url"].removeprefix("https://")
    assert host in names
    assert records == {f"{host}."}
    assert path_of(fleet["url"]) == "/invocations"


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_what_routing_hashes_is_the_header_that_the_function_writes(edges: Edges, stage: str):
    edge = edges(stage)
    assert _backends(edge)[0]["prefix_length"] == PREFIX_BYTES
    (variant,) = _only(edge, "AWS::SageMaker::EndpointConfig")["ProductionVariants"]
    routing = variant["RoutingConfig"]
    if routing["RoutingStrategy"] == "PREFIX_AWARE":
        assert routing["PrefixAwareRoutingConfig"]["PrefixLength"] == PREFIX_BYTES


def _backends(edge: Edge) -> list[dict[str, Any]]:
    (value,) = {
        json.dumps(variables["KEEPWARM_BACKENDS"])
        for one in edge.resources("AWS::Lambda::Function")
        if "KEEPWARM_BACKENDS" in (variables := _variables(one.properties))
    }
    text = json.loads(value)
    assert isinstance(text, str), "the list of backends has names that are known beforehand alone"
    backends: list[dict[str, Any]] = json.loads(text)
    return backends


def _variables(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = function.get("Environment", {}).get("Variables", {})
    return found


def _only(edge: Edge, kind: str) -> Any:
    (found,) = edge.resources(kind)
    return found.properties
