import pytest

from orchestrator_lambda.api.openapi import OPERATIONS, document
from orchestrator_lambda.api.routing import Call, Route, Router
from orchestrator_lambda.errors import MethodNotAllowed, NotFound
from orchestrator_lambda.http.message import HttpResponse


def answer(call: Call) -> HttpResponse:
    return HttpResponse()


ROUTES = [
    Route(method="GET", template="/things/{id}", name="me", handler=answer),
    Route(method="PUT", template="/things/{id}/{seq}", name="health", handler=answer),
]
ROUTER = Router(ROUTES)


@pytest.mark.parametrize(
    ("method", "path", "parameters"),
    [
        ("GET", "/things/a-b", {"id": "a-b"}),
        ("HEAD", "/things/a-b/", {"id": "a-b"}),
        ("PUT", "/things/a/12", {"id": "a", "seq": "12"}),
    ],
)
def test_paths_that_lead_somewhere(method: str, path: str, parameters: dict[str, str]) -> None:
    assert ROUTER.find(method, path)[1] == parameters


@pytest.mark.parametrize("path", ["/", "/things", "/things/a/x", "/things/a/1/2", "/things/a/-1"])
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(NotFound):
        ROUTER.find("PUT", path)


def test_another_method_is_told_which_there_are() -> None:
    with pytest.raises(MethodNotAllowed, match="takes GET") as refused:
        ROUTER.find("DELETE", "/things/a")
    assert "GET" in refused.value.details["allow"]


def test_a_route_that_is_not_described_cannot_be_documented() -> None:
    with pytest.raises(KeyError):
        document([Route(method="GET", template="/x", name="nameless", handler=answer)])
    assert document(ROUTES)["paths"]["/things/{id}"]["get"]["summary"] == OPERATIONS["me"].summary
