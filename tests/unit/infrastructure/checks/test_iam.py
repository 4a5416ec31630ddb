from __future__ import annotations

from typing import Any

from infrastructure.assembly import Assembly
from infrastructure.checks.iam import (
    listing,
    resource_statements,
    role_statements,
    wide_actions,
    wide_resources,
)


def statement(action: Any, resource: Any, effect: str = "Allow", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def resource(kind: str, path: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": kind,
        "Properties": properties,
        "Metadata": {"aws:cdk:path": f"keepwarm-dev-x/{path}/Resource"},
    }


def assembly(*statements: dict[str, Any]) -> Assembly:
    role = resource(
        "AWS::IAM::Role",
        "Box/Role",
        AssumeRolePolicyDocument={"Statement": []},
        ManagedPolicyArns=["arn:aws:iam::aws:policy/Logs"],
    )
    policy = resource(
        "AWS::IAM::Policy",
        "Box/Role/DefaultPolicy",
        Roles=[{"Ref": "Role"}],
        PolicyDocument={"Statement": list(statements)},
    )
    table = resource("AWS::DynamoDB::Table", "History/Table")
    return Assembly({"x": {"Resources": {"Role": role, "Policy": policy, "Table": table}}})


def test_a_role_s_statements_speak_of_constructs_and_are_sorted() -> None:
    table = {"Fn::GetAtt": ["Table", "Arn"]}
    made = assembly(
        statement(["dynamodb:Query", "dynamodb:GetItem"], table, Sid="x"),
        statement("s3:GetObject", "*", Condition={"StringEquals": {"aws:SourceVpce": "v"}}),
    )

    managed, query, read = role_statements(made)["x/Box/Role"]
    expected = {
        "action": ["dynamodb:GetItem", "dynamodb:Query"],
        "effect": "Allow",
        "resource": ["${x/History/Table.Arn}"],
    }
    assert sorted((managed, query, read), key=str) == [managed, query, read]
    assert expected in (managed, query, read)
    assert {"managed": "arn:aws:iam::aws:policy/Logs"} in (managed, query, read)


def test_wide_permissions_are_found_and_refusals_are_none() -> None:
    found = role_statements(
        assembly(
            statement("s3:*", "arn:aws:s3:::one"),
            statement("xray:PutTraceSegments", "*"),
            statement("ec2:CreateNetworkInterface", "*", effect="Deny"),
        )
    )

    assert list(wide_actions(found)) == [("x/Box/Role", "s3:*")]
    assert list(wide_resources(found)) == [("x/Box/Role", "xray:PutTraceSegments")]


def test_whom_a_resource_lets_in_is_listed() -> None:
    policy = {"Statement": [statement("s3:GetObject", "*", Principal={"Service": "cloudfront"})]}
    bucket_policy = resource("AWS::S3::BucketPolicy", "B/Policy", PolicyDocument=policy)
    made = Assembly({"x": {"Resources": {"P": bucket_policy}}})

    assert resource_statements(made) == {
        "x/B/Policy": [
            {
                "action": ["s3:GetObject"],
                "effect": "Allow",
                "principal": {"Service": ["cloudfront"]},
                "resource": ["*"],
            }
        ]
    }
    assert set(listing(made)) == {"roles", "trust", "resources"}
