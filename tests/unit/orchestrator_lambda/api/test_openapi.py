"""The document is what generated clients believe: it must say what the routes do."""

from typing import Any

import pytest

from orchestrator_lambda.api.openapi import document
from orchestrator_lambda.api.routes import make_routes


@pytest.fixture(scope="module")
def paths() -> dict[str, Any]:
    return dict(document(make_routes(None, []))["paths"])  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def schemas() -> dict[str, Any]:
    return dict(document(make_routes(None, []))["components"]["schemas"])  # type: ignore[arg-type]


def operations(paths: dict[str, Any]) -> dict[str, Any]:
    return {one["operationId"]: one for methods in paths.values() for one in methods.values()}


def test_every_operation_says_how_it_fails(paths: dict[str, Any]) -> None:
    for operation in operations(paths).values():
        assert "Error" in str(operation["responses"]["default"])


def test_stopping_what_has_ended_is_no_error(paths: dict[str, Any]) -> None:
    assert set(operations(paths)["stopAnswer"]["responses"]) == {"202", "200", "default"}


def test_an_edit_names_no_parent(schemas: dict[str, Any]) -> None:
    """The message that it stands beside says where it goes; the route refuses the field."""
    assert "parent" in schemas["NewMessage"]["properties"]
    assert "parent" not in schemas["EditedMessage"]["properties"]


def test_bodies_are_required_where_nothing_can_be_done_without(paths: dict[str, Any]) -> None:
    optional = {
        name
        for name, operation in operations(paths).items()
        if "requestBody" in operation and not operation["requestBody"]["required"]
    }

    assert optional == {"createConversation", "regenerateAnswer"}


def test_bodies_whose_unknown_fields_are_refused_say_so(paths: dict[str, Any]) -> None:
    schemas_ = document(make_routes(None, []))["components"]["schemas"]  # type: ignore[arg-type]
    for name in ("NewConversation", "Rename", "Choice", "NewMessage", "EditedMessage", "Sampling"):
        assert schemas_[name]["additionalProperties"] is False


def test_everybody_may_read_health_and_the_document_alone(paths: dict[str, Any]) -> None:
    is_open = {name for name, one in operations(paths).items() if one.get("security") == []}

    assert is_open == {"health", "openapi"}
