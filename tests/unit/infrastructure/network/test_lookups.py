"""A lookup asks EC2 one question, and may do nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import aws_cdk as cdk
from aws_cdk.assertions import Template

from infrastructure.network.lookups import Ec2Lookup


def test_it_asks_at_creation_and_at_every_change_and_does_nothing_at_deletion(tmp_path: Path):
    (lookup,) = _template(tmp_path).find_resources("Custom::Ec2Lookup").values()
    question = json.loads(lookup["Properties"]["Create"])
    assert question["action"] == "describeVpcs"
    assert question["parameters"] == {"VpcIds": ["vpc-1"]}
    assert question["outputPaths"] == ["Vpcs.0.CidrBlock"]
    assert lookup["Properties"]["Update"] == lookup["Properties"]["Create"]
    assert "Delete" not in lookup["Properties"]


def test_its_role_holds_the_one_describing_action(tmp_path: Path):
    (policy,) = _template(tmp_path).find_resources("AWS::IAM::Policy").values()
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "ec2:DescribeVpcs")


def test_it_downloads_no_sdk_while_a_stack_is_deployed(tmp_path: Path):
    (lookup,) = _template(tmp_path).find_resources("Custom::Ec2Lookup").values()
    assert lookup["Properties"]["InstallLatestAwsSdk"] is False


def test_what_was_asked_for_is_an_attribute_of_the_answer(tmp_path: Path):
    stack = _stack(tmp_path)
    found = _lookup(stack).value("Vpcs.0.CidrBlock")
    assert stack.resolve(found)["Fn::GetAtt"][1] == "Vpcs.0.CidrBlock"


def _lookup(stack: cdk.Stack) -> Ec2Lookup:
    return Ec2Lookup(
        stack,
        "Vpc",
        action="describeVpcs",
        parameters={"VpcIds": ["vpc-1"]},
        paths=["Vpcs.0.CidrBlock"],
    )


def _stack(folder: Path) -> cdk.Stack:
    return cdk.Stack(cdk.App(outdir=str(folder)), "lookups")


def _template(folder: Path) -> Template:
    stack = _stack(folder)
    _lookup(stack)
    return Template.from_stack(stack)
