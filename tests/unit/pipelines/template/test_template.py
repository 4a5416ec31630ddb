"""The template: clean by cfn-lint, safe by default, and wired to what the code expects."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from typing import Any

import cfnlint.api
import pytest

from pipelines.definition.render import bucket_name, placeholders
from pipelines.gates.limits import GateLimits
from pipelines.policies import POLICIES
from pipelines.settings import DeploymentSettings
from pipelines.template.functions import FUNCTIONS, RUNTIME
from pipelines.template.rules import patterns
from pipelines.template.template import as_text, bucket_template, template

SETTINGS = DeploymentSettings()
ACCOUNT = "123456789012"
REGIONS = ("us-east-1", "eu-west-1", "ap-northeast-1")


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return template(SETTINGS)


def properties(made: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = made["Resources"][name]["Properties"]
    return found


def of_type(made: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {key: one for key, one in made["Resources"].items() if one["Type"] == kind}


def statements(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All statements that allow something to a role."""
    for role in of_type(made, "AWS::IAM::Role").values():
        for policy in role["Properties"]["Policies"]:
            yield from policy["PolicyDocument"]["Statement"]


@pytest.mark.parametrize(
    "settings",
    [SETTINGS, DeploymentSettings(name="try-2", bucket="my-own-bucket", ami="", approval="auto")],
    ids=["plain", "other"],
)
def test_cfn_lint_finds_nothing(settings: DeploymentSettings) -> None:
    found = cfnlint.api.lint(as_text(template(settings)), regions=list(REGIONS))
    assert [str(one) for one in found] == []


def test_the_bucket_comes_first_and_stays_what_it_is(made: dict[str, Any]) -> None:
    first = bucket_template(SETTINGS)
    assert [str(one) for one in cfnlint.api.lint(as_text(first), regions=list(REGIONS))] == []
    for name, one in first["Resources"].items():
        assert made["Resources"][name] == one
    assert len(as_text(first)) < 51_200, "it is sent with the request"


def test_the_bucket_is_encrypted_private_over_tls_alone_and_outlives_the_stack(
    made: dict[str, Any],
) -> None:
    bucket = properties(made, "Bucket")
    assert bucket["BucketEncryption"]
    assert all(bucket["PublicAccessBlockConfiguration"].values())
    assert made["Resources"]["Bucket"]["DeletionPolicy"] == "Retain"
    denied = properties(made, "BucketPolicy")["PolicyDocument"]["Statement"]
    assert {one["Effect"] for one in denied} == {"Deny"}
    assert any("aws:SecureTransport" in str(one["Condition"]) for one in denied)


def test_the_bucket_is_the_one_that_the_definition_names(made: dict[str, Any]) -> None:
    name = properties(made, "Bucket")["BucketName"]["Fn::Sub"]
    name = name.replace("${AWS::AccountId}", ACCOUNT).replace("${AWS::Region}", SETTINGS.region)
    assert name == bucket_name(DeploymentSettings(account=ACCOUNT))


def test_images_cannot_be_overwritten_are_scanned_and_signatures_are_not_swept_away(
    made: dict[str, Any],
) -> None:
    repository = properties(made, "Repository")
    assert repository["ImageTagMutability"] == "IMMUTABLE"
    assert repository["ImageScanningConfiguration"] == {"ScanOnPush": True}
    rules = json.loads(repository["LifecyclePolicy"]["LifecyclePolicyText"])["rules"]
    assert [one["selection"]["tagStatus"] for one in rules] == ["tagged"]
    assert made["Resources"]["Repository"]["DeletionPolicy"] == "Retain"


def test_nothing_is_allowed_to_everyone_and_no_role_may_do_everything(
    made: dict[str, Any],
) -> None:
    for one in statements(made):
        actions = one["Action"] if isinstance(one["Action"], list) else [one["Action"]]
        assert one["Effect"] == "Deny" or not any(action.endswith("*") for action in actions), one
    for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"):
        for policy in of_type(made, kind).values():
            for one in policy["Properties"]["PolicyDocument"]["Statement"]:
                assert one["Effect"] == "Deny" or one["Principal"] != "*"


def test_roles_have_the_names_that_the_code_passes_on(made: dict[str, Any]) -> None:
    names = {one["Properties"]["RoleName"] for one in of_type(made, "AWS::IAM::Role").values()}
    assert names == {SETTINGS.names.role(part) for part in POLICIES}
    used = placeholders(DeploymentSettings(account=ACCOUNT))
    assert names >= {used["steps_role"], used["execution_role"], SETTINGS.names.role("pipeline")}


def test_a_function_has_the_role_of_its_own_task(made: dict[str, Any]) -> None:
    for function in FUNCTIONS:
        role = properties(made, function.logical)["Role"]["Fn::GetAtt"][0]
        assert properties(made, role)["RoleName"] == SETTINGS.names.role(function.task)


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda one: one.task)
def test_a_function_runs_a_handler_that_is_there_and_keeps_its_log_for_a_time(
    made: dict[str, Any], function: Any
) -> None:
    found = properties(made, function.logical)
    assert found["FunctionName"] == SETTINGS.names.function(function.task)
    module, _, name = found["Handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))
    assert found["Runtime"] == RUNTIME
    log = properties(made, f"{function.logical}Log")
    assert log["LogGroupName"] == f"/aws/lambda/{found['FunctionName']}"
    assert log["RetentionInDays"]


def test_a_function_reads_the_settings_that_the_template_was_made_of() -> None:
    settings = DeploymentSettings(name="try-2", instance="ml.g5.2xlarge", canary_percent=10)
    made = template(settings)
    told = properties(made, "DeployFunction")["Environment"]["Variables"]
    known = {"AWS::AccountId": ACCOUNT, "AWS::Region": "eu-west-1", "Bucket": "b"}
    environment = {
        key: known[one["Ref"]] if isinstance(one, dict) else one for key, one in told.items()
    }
    read = DeploymentSettings.load(None, environment)
    assert (read.account, read.region, read.bucket) == (ACCOUNT, "eu-west-1", "b")
    assert (read.name, read.instance, read.canary_percent) == ("try-2", "ml.g5.2xlarge", 10)


def test_the_judge_knows_the_gates_that_the_template_was_made_of() -> None:
    gates = GateLimits(max_ttft_p95_s=0.7)
    told = properties(template(SETTINGS, gates), "JudgeFunction")["Environment"]["Variables"]
    assert GateLimits.load(None, told) == gates


def test_a_message_is_not_seen_twice_while_the_builder_works_on_it(made: dict[str, Any]) -> None:
    queue, function = properties(made, "BuildQueue"), properties(made, "BuildImageFunction")
    assert queue["QueueName"] == SETTINGS.names.build_queue
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_every_rule_may_call_its_function_and_keeps_what_it_cannot_deliver(
    made: dict[str, Any],
) -> None:
    rules = of_type(made, "AWS::Events::Rule")
    assert len(rules) == len(patterns(SETTINGS.names))
    for name, rule in rules.items():
        (target,) = rule["Properties"]["Targets"]
        assert target["DeadLetterConfig"]
        permission = properties(made, name.replace("Rule", "Permission"))
        assert permission["SourceArn"] == {"Fn::GetAtt": [name, "Arn"]}
        assert {"Fn::GetAtt": [permission["FunctionName"]["Ref"], "Arn"]} == target["Arn"]


def test_the_end_of_an_execution_tears_down_whatever_the_end_was() -> None:
    detail = patterns(SETTINGS.names)["teardown"]["detail"]
    assert detail["currentPipelineExecutionStatus"] == [{"anything-but": ["Executing", "Stopping"]}]


def test_the_rule_on_endpoints_asks_for_no_state_since_events_spell_it_differently() -> None:
    detail = patterns(SETTINGS.names)["deploy-finished"]["detail"]
    assert detail == {"EndpointName": ["keepwarm"]}
