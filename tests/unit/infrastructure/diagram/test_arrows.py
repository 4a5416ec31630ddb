"""Small templates by hand: each sort of arrow is read from the resources that make it."""

from __future__ import annotations

from typing import Any

from infrastructure.assembly import Assembly
from infrastructure.diagram.arrows import Arrow, arrows
from infrastructure.diagram.mermaid import chart


def assembly(**resources: tuple[str, str, dict[str, Any]]) -> Assembly:
    """One stack `x`: by logical id the type, the construct's path and the properties."""
    return Assembly(
        {
            "x": {
                "Resources": {
                    name: {
                        "Type": f"AWS::{kind}",
                        "Properties": properties,
                        "Metadata": {"aws:cdk:path": f"keepwarm-dev-x/{path}/Resource"},
                    }
                    for name, (kind, path, properties) in resources.items()
                }
            }
        }
    )


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def test_a_rule_of_a_security_group_is_an_arrow_between_those_who_wear_the_groups() -> None:
    made = assembly(
        From=("EC2::SecurityGroup", "Security/Function", {}),
        To=("EC2::SecurityGroup", "Security/Sessions", {}),
        Rule=(
            "EC2::SecurityGroupIngress",
            "Security/Rule",
            {"GroupId": ref("To"), "SourceSecurityGroupId": ref("From"), "FromPort": 6379},
        ),
        Function=("Lambda::Function", "Orchestrator", {"SecurityGroupIds": [ref("From")]}),
        Cache=("ElastiCache::ReplicationGroup", "Sessions", {"SecurityGroupIds": [ref("To")]}),
    )

    assert arrows(made) == (Arrow("x/Orchestrator", "x/Sessions", "TCP 6379"),)


def test_a_grant_is_an_arrow_from_whoever_wears_the_role() -> None:
    made = assembly(
        Role=("IAM::Role", "Orchestrator/Role", {}),
        Function=("Lambda::Function", "Orchestrator/Function", {"Role": arn("Role")}),
        Table=("DynamoDB::Table", "History/Table", {}),
        Key=("KMS::Key", "Keys/Key", {}),
        Policy=(
            "IAM::Policy",
            "Orchestrator/Role/Policy",
            {
                "Roles": [ref("Role")],
                "PolicyDocument": {
                    "Statement": [
                        {"Action": ["dynamodb:Query"], "Resource": [arn("Table")]},
                        {"Action": "kms:Decrypt", "Resource": arn("Key")},
                    ]
                },
            },
        ),
    )

    assert arrows(made) == (Arrow("x/Orchestrator", "x/History", "dynamodb"),)


def test_an_event_source_is_an_arrow_to_the_function() -> None:
    made = assembly(
        Stream=("Kinesis::Stream", "Events", {}),
        Function=("Lambda::Function", "Consumer", {}),
        Mapping=(
            "Lambda::EventSourceMapping",
            "Consumer/Mapping",
            {"EventSourceArn": arn("Stream"), "FunctionName": ref("Function")},
        ),
    )

    assert arrows(made) == (Arrow("x/Events", "x/Consumer", "records"),)


def test_an_integration_says_whether_it_streams() -> None:
    method = {"Integration": {"Uri": arn("Function"), "ResponseTransferMode": "STREAM"}}
    made = assembly(
        Function=("Lambda::Function", "Orchestrator", {}),
        Method=("ApiGateway::Method", "Api/Any", method),
    )

    assert arrows(made) == (Arrow("x/Api", "x/Orchestrator", "invokes, streamed"),)


def test_an_alarm_rings_at_its_topic_which_tells_people() -> None:
    made = assembly(
        Topic=("SNS::Topic", "Topic", {}),
        Alarm=("CloudWatch::Alarm", "Alarms/Ttft", {"AlarmActions": [ref("Topic")]}),
        Mail=("SNS::Subscription", "Topic/Mail", {"TopicArn": ref("Topic"), "Protocol": "email"}),
    )

    assert arrows(made) == (
        Arrow("x/Alarms", "x/Topic", "rings"),
        Arrow("x/Topic", "outside/Operators", "email"),
    )


def test_cloudfront_is_reached_by_browsers_and_reaches_its_origins() -> None:
    origins = [
        {"DomainName": arn("Page")},
        {"DomainName": "x", "VpcOriginConfig": {"VpcOriginId": ref("Origin")}},
    ]
    config = {"DistributionConfig": {"Origins": origins, "WebACLId": arn("Acl")}}
    made = assembly(
        Page=("S3::Bucket", "Page", {}),
        Origin=("CloudFront::VpcOrigin", "VpcOrigin", {}),
        Acl=("WAFv2::WebACL", "Firewall", {}),
        Distribution=("CloudFront::Distribution", "Distribution", config),
    )

    assert arrows(made) == (
        Arrow("outside/Browser", "x/Distribution", "HTTPS"),
        Arrow("x/Distribution", "x/Page", "page, signed"),
        Arrow("x/Distribution", "x/VpcOrigin", "/v1/*"),
        Arrow("x/Firewall", "x/Distribution", "lets in"),
    )


def test_the_cdk_s_helpers_are_in_no_picture() -> None:
    made = assembly(
        Role=("IAM::Role", "AWS679f53fac002430cb0da5b7982bd2287/Role", {}),
        Function=(
            "Lambda::Function",
            "AWS679f53fac002430cb0da5b7982bd2287",
            {"Role": arn("Role")},
        ),
        Bucket=("S3::Bucket", "Page", {}),
        Policy=(
            "IAM::Policy",
            "Policy",
            {
                "Roles": [ref("Role")],
                "PolicyDocument": {
                    "Statement": [{"Action": "s3:GetObject", "Resource": arn("Bucket")}]
                },
            },
        ),
    )

    assert arrows(made) == ()


def test_the_chart_has_a_frame_for_each_stack_and_one_line_for_each_pair() -> None:
    made = assembly(
        Stream=("Kinesis::Stream", "Events", {}),
        Function=("Lambda::Function", "TheConsumer", {"Role": arn("Role")}),
        Role=("IAM::Role", "TheConsumer/Role", {}),
        Mapping=(
            "Lambda::EventSourceMapping",
            "TheConsumer/Mapping",
            {"EventSourceArn": arn("Stream"), "FunctionName": ref("Function")},
        ),
    )

    assert chart(made) == (
        "flowchart LR\n"
        "  subgraph x\n"
        '    x_Events["Events<br/>Kinesis"]\n'
        '    x_TheConsumer["The Consumer<br/>Lambda"]\n'
        "  end\n"
        '  x_Events -->|"records"| x_TheConsumer\n'
    )
