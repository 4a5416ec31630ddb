"""Roles may do what the code calls, on what it calls it, and nothing beside it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

import orchestrator_lambda
from infrastructure.functions import policies
from tests.support.chat_boxes import VARIANTS, chat_templates

ROOT = Path(orchestrator_lambda.__file__).parent
SERVICES = {"dynamodb", "kinesis", "s3", "sagemaker-runtime"}

ACTIONS = {
    "batch_get_item": {"dynamodb:BatchGetItem"},
    "batch_write_item": {"dynamodb:BatchWriteItem"},
    "get_item": {"dynamodb:GetItem"},
    "put_item": {"dynamodb:PutItem"},
    "query": {"dynamodb:Query"},
    # Each action of a transaction is checked as itself.
    "transact_write_items": {"dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"},
    "update_item": {"dynamodb:UpdateItem"},
    "delete_objects": {"s3:DeleteObject"},
    "get_object": {"s3:GetObject"},
    "list_objects_v2": {"s3:ListBucket"},
    "put_object": {"s3:PutObject"},
    "put_records": {"kinesis:PutRecords"},
    "invoke_endpoint": {"sagemaker:InvokeEndpoint"},
    "invoke_endpoint_with_response_stream": {"sagemaker:InvokeEndpointWithResponseStream"},
}
CALLERS = {
    "history": (
        *policies.HISTORY_ACTIONS,
        *policies.OBJECT_ACTIONS,
        *policies.LIST_ACTIONS,
    ),
    "telemetry/seen.py": policies.MARKS_ACTIONS,
    "telemetry/sending.py": policies.SEND_ACTIONS,
    "backends": policies.GENERATE_ACTIONS,
}
COMMON = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
WITHOUT_RESOURCES = ("ec2:", "xray:", "dynamodb:ListStreams")


def operations() -> set[str]:
    session = botocore.session.get_session()
    names: set[str] = set()
    for service in SERVICES:
        names |= {xform_name(one) for one in session.get_service_model(service).operation_names}
    return names


def called() -> Iterator[tuple[str, str]]:
    """(module, operation) of every use of a boto3 client's operation in the function's code."""
    known = operations()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            name = ""
            if isinstance(node, ast.Attribute) and "client" in ast.unparse(node.value):
                name = node.attr
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "self._made()":
                name = node.attr
            if isinstance(node, ast.Call) and "get_paginator" in ast.unparse(node.func):
                name = ast.literal_eval(node.args[0])
            if name in known:
                yield path.relative_to(ROOT).as_posix(), name


def clients() -> set[str]:
    """Services that the code makes boto3 clients of."""
    found = set()
    for path in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
                ("boto3.client", "aws_client")
            ):
                found |= {one.value for one in node.args if isinstance(one, ast.Constant)}
    return found


def statements(variant: str, box: str) -> list[dict[str, Any]]:
    policy = chat_templates(variant).only("chat", "AWS::IAM::Policy", f"{box}Role")
    found: list[dict[str, Any]] = policy["PolicyDocument"]["Statement"]
    return found


def actions(variant: str, box: str, effect: str = "Allow") -> set[str]:
    return {
        action
        for one in statements(variant, box)
        if one["Effect"] == effect
        for action in listed(one)
    }


def listed(statement: dict[str, Any]) -> list[str]:
    found = statement["Action"]
    return [found] if isinstance(found, str) else found


def test_the_code_talks_to_these_services_and_no_other():
    assert clients() == SERVICES


def test_every_operation_of_the_code_is_known_here():
    assert {name for _, name in called()} == set(ACTIONS)


@pytest.mark.parametrize("caller", CALLERS)
def test_a_part_may_do_exactly_what_it_calls(caller):
    names = {name for module, name in called() if module.startswith(caller)}
    assert names, "nothing calls anything there"
    assert {action for name in names for action in ACTIONS[name]} == set(CALLERS[caller])


def test_no_other_part_calls_aws():
    others = {module for module, _ in called() if not module.startswith(tuple(CALLERS))}
    assert others == set()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_orchestrators_role_is_the_sum_of_what_its_parts_call(variant):
    tracing = chat_templates(variant).stage.function.tracing
    common = {one for one in COMMON if tracing or not one.startswith("xray:")}
    own = {*CALLERS["history"], *policies.SEND_ACTIONS, *policies.GENERATE_ACTIONS}
    assert actions(variant, "Orchestrator") == common | own | {"elasticache:Connect"}


def test_the_sweeper_may_all_that_but_generate_and_reads_the_tables_stream():
    own = {*CALLERS["history"], *policies.SEND_ACTIONS, "elasticache:Connect"}
    reading = {*policies.READ_CHANGES, *policies.FIND_CHANGES, "sqs:SendMessage"}
    assert actions("dev", "Sweeper") == COMMON | own | reading


def test_the_consumer_knows_no_conversation():
    own = {*policies.MARKS_ACTIONS, *policies.READ_EVENTS, "sqs:SendMessage"}
    assert actions("dev", "Consumer") == COMMON | own
    assert "HistoryConversations" not in str(statements("dev", "Consumer"))


@pytest.mark.parametrize("box", ["Orchestrator", "Sweeper", "Consumer"])
def test_no_action_has_a_star_and_a_resource_only_where_the_action_knows_none(box):
    for one in statements("dev", box):
        assert not any("*" in action for action in listed(one))
        if one["Resource"] == "*":
            assert all(action.startswith(WITHOUT_RESOURCES) for action in listed(one))


@pytest.mark.parametrize("box", ["Orchestrator", "Sweeper", "Consumer"])
def test_lambdas_rights_in_the_network_are_not_the_codes(box):
    assert actions("dev", box, "Deny") == set(policies.NETWORK_ACTIONS)
    (refusal,) = [one for one in statements("dev", box) if one["Effect"] == "Deny"]
    assert set(refusal["Condition"]["ArnLike"]) == {"lambda:SourceFunctionArn"}


def test_each_reads_the_index_that_it_needs():
    for box, index in (("Orchestrator", "/index/list"), ("Sweeper", "/index/pending")):
        (found,) = [one for one in statements("dev", box) if one.get("Sid") == "History"]
        _, indexed = found["Resource"]
        assert indexed["Fn::Join"][1][-1] == index


def test_objects_are_touched_and_looked_for_below_messages_alone():
    found = {one["Sid"]: one for one in statements("dev", "Orchestrator") if "Sid" in one}
    assert found["Texts"]["Resource"]["Fn::Join"][1][-1] == "/messages/*"
    assert found["TextsOfAConversation"]["Condition"] == {"StringLike": {"s3:prefix": "messages/*"}}


def test_it_generates_with_the_one_endpoint_and_its_component():
    (found,) = [one for one in statements("dev", "Orchestrator") if one.get("Sid") == "Generate"]
    endpoint, component = found["Resource"]
    assert endpoint.endswith(":endpoint/keepwarm")
    assert str(component["Fn::Join"][1][-1]).endswith(":inference-component/chat")
    (alone,) = [one for one in statements("prod", "Orchestrator") if one.get("Sid") == "Generate"]
    assert str(alone["Resource"]).endswith(":endpoint/keepwarm")


@pytest.mark.parametrize(
    ("box", "services"),
    [
        ("Orchestrator", ["dynamodb", "kinesis", "s3"]),
        ("Sweeper", ["dynamodb", "kinesis", "s3", "sqs"]),
        ("Consumer", ["dynamodb", "kinesis", "sqs"]),
    ],
)
def test_the_key_is_used_through_services_and_for_lambdas_variables_alone(box, services):
    found = {one["Sid"]: one for one in statements("dev", box) if "kms:" in str(one["Action"])}
    assert set(found) == {"KeyThroughServices", "Environment"}
    via = found["KeyThroughServices"]["Condition"]["StringEquals"]["kms:ViaService"]
    assert via == [f"{name}.us-east-1.amazonaws.com" for name in services]
    context = found["Environment"]["Condition"]["ArnLike"]
    assert set(context) == {"kms:EncryptionContext:aws:lambda:FunctionArn"}
