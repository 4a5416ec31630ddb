"""Who may reach whom: every arrow of the picture by name, and no other one.

This list is the architecture. An arrow is read from the templates: a rule of security groups, an
integration, an event source, a permission.
"""

from __future__ import annotations

import pytest

from infrastructure.diagram.arrows import Arrow, arrows
from infrastructure.network.security import ORIGIN
from infrastructure.network.security import arrows as table
from tests.support.edge import Edge, Edges

EVERYWHERE = (
    # From the browser to the function.
    Arrow("outside/Browser", "edge/Distribution", "HTTPS"),
    Arrow("firewall/Firewall", "edge/Distribution", "lets in"),
    Arrow("edge/Distribution", "edge/Page", "page, signed"),
    Arrow("edge/Distribution", "edge/VpcOrigin", "/v1/*"),
    Arrow("edge/VpcOrigin", "edge/Balancer", "TCP 443"),
    Arrow("edge/Balancer", "network/Endpoints/execute-api", "TCP 443"),
    Arrow("network/Endpoints/execute-api", "chat/Api", "HTTPS, by this endpoint alone"),
    Arrow("chat/Api", "chat/SignIn", "checks tokens"),
    Arrow("chat/Api", "chat/Orchestrator", "invokes, streamed"),
    # A turn.
    Arrow("chat/Orchestrator", "data/History", "dynamodb"),
    Arrow("chat/Orchestrator", "data/Texts", "s3"),
    Arrow("chat/Orchestrator", "data/Sessions", "elasticache"),
    Arrow("chat/Orchestrator", "data/Sessions", "TCP 6379"),
    Arrow("chat/Orchestrator", "data/Events", "kinesis"),
    Arrow("chat/Orchestrator", "models/Endpoint", "sagemaker"),
    Arrow("chat/Orchestrator", "network/Endpoints/dynamodb", "TCP 443"),
    Arrow("chat/Orchestrator", "network/Endpoints/s3", "TCP 443"),
    Arrow("chat/Orchestrator", "network/Endpoints/services", "TCP 443"),
    # What others left behind. It never generates.
    Arrow("data/History", "chat/Sweeper", "records"),
    Arrow("chat/Sweeper", "data/History", "dynamodb"),
    Arrow("chat/Sweeper", "data/Texts", "s3"),
    Arrow("chat/Sweeper", "data/Sessions", "elasticache"),
    Arrow("chat/Sweeper", "data/Sessions", "TCP 6379"),
    Arrow("chat/Sweeper", "data/Events", "kinesis"),
    Arrow("chat/Sweeper", "chat/DeadLetters", "sqs"),
    Arrow("chat/Sweeper", "network/Endpoints/dynamodb", "TCP 443"),
    Arrow("chat/Sweeper", "network/Endpoints/s3", "TCP 443"),
    Arrow("chat/Sweeper", "network/Endpoints/services", "TCP 443"),
    # Telemetry: the marks of what is counted, and nothing else.
    Arrow("data/Events", "chat/Consumer", "records"),
    Arrow("chat/Consumer", "data/Events", "kinesis"),
    Arrow("chat/Consumer", "data/History", "dynamodb"),
    Arrow("chat/Consumer", "chat/DeadLetters", "sqs"),
    Arrow("chat/Consumer", "network/Endpoints/dynamodb", "TCP 443"),
    # The model, which is cut off from all but its weights.
    Arrow("models/Endpoint", "network/Endpoints/s3", "TCP 443"),
    Arrow("watch/Alarms", "watch/Topic", "rings"),
)
WITH_A_FLEET = (
    Arrow("chat/Orchestrator", "models/Fleet", "TCP 443"),
    Arrow("models/Fleet", "network/Endpoints/s3", "TCP 443"),
    Arrow("models/Fleet", "network/Endpoints/services", "TCP 443"),
)
WITH_AN_ADDRESS = (Arrow("watch/Topic", "outside/Operators", "email"),)
EXPECTED = {"dev": EVERYWHERE, "prod": EVERYWHERE + WITH_A_FLEET + WITH_AN_ADDRESS}


@pytest.mark.parametrize(
    ("stage", "arrow"),
    [(stage, arrow) for stage, all_of_it in EXPECTED.items() for arrow in all_of_it],
    ids=lambda one: f"{one.source}->{one.target}" if isinstance(one, Arrow) else one,
)
def test_the_arrow_is_there(edges: Edges, stage: str, arrow: Arrow) -> None:
    assert arrow in arrows(edges(stage).assembly)


@pytest.mark.parametrize("stage", EXPECTED)
def test_there_is_no_other_arrow(edges: Edges, stage: str) -> None:
    assert set(arrows(edges(stage).assembly)) - set(EXPECTED[stage]) == set()


@pytest.mark.parametrize("stage", EXPECTED)
def test_the_rules_are_those_of_the_table(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    inside = {
        (one.source, one.target, one.port)
        for one in table(edge.stage)
        if one.source != ORIGIN and one.target not in ("s3", "dynamodb")
    }

    assert rules(edge) == inside


def rules(edge: Edge) -> set[tuple[str, str, int]]:
    """Ingress rules between groups of ours, by the table's names."""
    found = set()
    for rule in edge.resources("AWS::EC2::SecurityGroupIngress"):
        (target,) = edge.assembly.references(rule.part, rule.properties["GroupId"])
        (source,) = edge.assembly.references(rule.part, rule.properties["SourceSecurityGroupId"])
        if source.resource.type == "AWS::EC2::SecurityGroup":
            ends = [snake(one.resource.path.rpartition("/")[2]) for one in (source, target)]
            found.add((ends[0], ends[1], rule.properties["FromPort"]))
    return found


def snake(name: str) -> str:
    return "".join(f"_{one.lower()}" if one.isupper() else one for one in name).lstrip("_")
