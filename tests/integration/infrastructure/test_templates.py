"""What holds for every template: limits, tags, protection, removal, no secrets."""

from __future__ import annotations

import json
import re

import pytest

from infrastructure.assembly import Resource
from tests.support.edge import Edge, Edges

STAGES = ("dev", "prod")
MOST_BYTES, MOST_RESOURCES = 1_000_000, 500
STORES = (
    "AWS::Cognito::UserPool",
    "AWS::DynamoDB::GlobalTable",
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::Kinesis::Stream",
    "AWS::S3::Bucket",
)
SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|ghp_\w{20}|xox[bp]-|\"(password|secret|authtoken)\":\s*\"[^\"]",
    re.IGNORECASE,
)


def removal(edge: Edge, resource: Resource) -> set[str]:
    return {str(resource.body.get(key)) for key in ("DeletionPolicy", "UpdateReplacePolicy")}


@pytest.mark.parametrize("stage", STAGES)
def test_cloudformation_takes_every_template(edges: Edges, stage: str) -> None:
    edge = edges(stage)

    for stack in edge.stacks:
        assert stack.template.stat().st_size < MOST_BYTES, stack.name
        assert len(stack.read()["Resources"]) < MOST_RESOURCES, stack.name


@pytest.mark.parametrize("stage", STAGES)
def test_every_stack_is_in_the_stage_s_region_but_the_firewall_s(edges: Edges, stage: str) -> None:
    edge = edges(stage)

    for stack in edge.stacks:
        expected = "us-east-1" if stack.name.endswith("-firewall") else edge.stage.region
        assert stack.region == expected


def test_prod_is_protected_and_dev_is_not(edges: Edges) -> None:
    for name, protected in (("dev", None), ("prod", True)):
        manifest = json.loads((edges(name).folder / "manifest.json").read_text(encoding="utf-8"))
        stacks = [
            one["properties"].get("terminationProtection")
            for one in manifest["artifacts"].values()
            if one["type"] == "aws:cloudformation:stack"
        ]
        assert stacks
        assert set(stacks) <= {protected, bool(protected)}


@pytest.mark.parametrize(("stage", "expected"), [("dev", "Delete"), ("prod", "Retain")])
def test_data_goes_with_dev_and_stays_with_prod(edges: Edges, stage: str, expected: str) -> None:
    edge = edges(stage)
    stores = list(edge.resources(*STORES))

    assert {one.type for one in stores} >= set(STORES) - {
        "AWS::DynamoDB::GlobalTable",
        "AWS::DynamoDB::Table",
    }
    for store in stores:
        assert removal(edge, store) == {expected}, store.path


@pytest.mark.parametrize("stage", STAGES)
def test_everything_that_can_carry_tags_carries_the_stage_s(edges: Edges, stage: str) -> None:
    edge = edges(stage)
    wanted = set(edge.stage.tags.items())

    tagged = [one for one in edge.resources() if one.properties.get("Tags")]
    assert {one.type for one in tagged} >= {
        "AWS::EC2::VPC",
        "AWS::Lambda::Function",
        "AWS::Kinesis::Stream",
        "AWS::CloudFront::Distribution",
    }
    for resource in tagged:
        tags = resource.properties["Tags"]
        pairs = tags.items() if isinstance(tags, dict) else ((t["Key"], t["Value"]) for t in tags)
        assert wanted <= set(pairs), resource.path


@pytest.mark.parametrize("stage", STAGES)
def test_no_template_holds_a_secret(edges: Edges, stage: str) -> None:
    for stack in edges(stage).stacks:
        found = SECRET.search(stack.template.read_text(encoding="utf-8"))
        assert found is None, (stack.name, found)


@pytest.mark.parametrize("stage", STAGES)
def test_the_cdk_warns_of_nothing(edges: Edges, stage: str) -> None:
    files = list(edges(stage).folder.glob("*.metadata.json"))
    entries = [
        entry
        for file in files
        for found in json.loads(file.read_text(encoding="utf-8")).values()
        for entry in found
    ]

    assert entries
    assert [one for one in entries if one["type"] in ("aws:cdk:warning", "aws:cdk:error")] == []
