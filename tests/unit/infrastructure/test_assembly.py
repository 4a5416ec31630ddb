from __future__ import annotations

from typing import Any

from infrastructure.assembly import Assembly


def resource(kind: str, path: str, **properties: Any) -> dict[str, Any]:
    return {
        "Type": kind,
        "Properties": properties,
        "Metadata": {"aws:cdk:path": f"keepwarm-dev-x/{path}"},
    }


TEMPLATES: dict[str, dict[str, Any]] = {
    "data": {
        "Resources": {"Table1": resource("AWS::DynamoDB::Table", "History/Table/Resource")},
        "Outputs": {
            "One": {
                "Value": {"Fn::GetAtt": ["Table1", "Arn"]},
                "Export": {"Name": "keepwarm-dev-data:TableArn"},
            }
        },
    },
    "chat": {
        "Resources": {
            "Role1": resource("AWS::IAM::Role", "Orchestrator/Role/Resource"),
            "Policy1": resource(
                "AWS::IAM::Policy",
                "Orchestrator/Role/DefaultPolicy/Resource",
                Roles=[{"Ref": "Role1"}],
                Resource={
                    "Fn::Join": [
                        "",
                        [{"Fn::ImportValue": "keepwarm-dev-data:TableArn"}, "/index/*"],
                    ]
                },
                Region={"Ref": "AWS::Region"},
            ),
        }
    },
}
ASSEMBLY = Assembly(TEMPLATES)


def test_a_resource_is_called_by_its_construct() -> None:
    (table,) = ASSEMBLY.resources("AWS::DynamoDB::Table")

    assert (table.path, table.box) == ("data/History/Table", "data/History")


def test_a_reference_is_followed_into_another_stack() -> None:
    (policy,) = ASSEMBLY.resources("AWS::IAM::Policy")

    found = [str(one) for one in ASSEMBLY.references("chat", policy.properties)]

    assert found == ["${chat/Orchestrator/Role}", "${data/History/Table.Arn}"]


def test_a_value_is_written_in_one_line() -> None:
    (policy,) = ASSEMBLY.resources("AWS::IAM::Policy")

    assert (
        ASSEMBLY.text("chat", policy.properties["Resource"]) == "${data/History/Table.Arn}/index/*"
    )
    assert ASSEMBLY.text("chat", policy.properties["Region"]) == "${AWS::Region}"
    assert ASSEMBLY.text("chat", {"Fn::Select": [0, {"Fn::GetAZs": ""}]}) == "Select(0, GetAZs())"
