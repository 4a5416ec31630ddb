"""What the service says of itself."""

import re

from tests.integration.orchestrator_lambda.api.conftest import House


def test_health_needs_no_identity_and_names_what_is_down(house: House) -> None:
    ann = house.client()
    assert ann.json("GET", "/v1/health")["status"] == "ok"

    house.sessions.down = True
    house.backend.is_healthy = False

    content = ann.json("GET", "/v1/health")
    assert content["status"] == "degraded"
    assert content["sessions"] is False
    assert content["backends"] == [{"name": "scripted", "healthy": False}]


def test_every_reference_in_the_document_leads_somewhere(house: House) -> None:
    document = house.client().json("GET", "/v1/openapi.json")

    references = set(re.findall(r"'\$ref': '#/components/schemas/(\w+)'", str(document)))
    assert references <= set(document["components"]["schemas"])
    operations = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(operations) == len(set(operations)) == 22


def test_models_lists_the_one_that_is_served(house: House) -> None:
    assert [m["id"] for m in house.client().json("GET", "/v1/models")["data"]] == ["keepwarm"]


def test_opening_a_conversation_warms_it_once_the_answer_has_left(house: House) -> None:
    ann = house.client()
    talk = ann.new_conversation()
    assert ann.json("POST", f"/v1/conversations/{talk}/warm") == {"warming": False}
    ann.post(talk, "Hello?").all()
    assert ann.json("POST", f"/v1/conversations/{talk}/warm") == {"warming": True}

    assert [m.content for m in house.backend.warmed[0].messages] == ["Hello?", "Good day."]
    assert len(ann.shown(talk)) == 2
