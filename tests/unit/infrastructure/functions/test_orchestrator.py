"""The orchestrator's function, versions and alias."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.chat_boxes import chat_templates

BOXES = ("Orchestrator", "Sweeper", "Consumer")


def function(box: str = "Orchestrator", variant: str = "dev") -> dict[str, Any]:
    return chat_templates(variant).only("chat", "AWS::Lambda::Function", box)


def alias(variant: str) -> dict[str, Any]:
    return chat_templates(variant).chat.only("AWS::Lambda::Alias")


def test_our_own_runtime_stands_in_for_lambdas():
    variables = function()["Environment"]["Variables"]
    assert variables["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/orchestrator_lambda/bootstrap"
    assert function()["Handler"] == "orchestrator_lambda.handler.handler"
    assert function()["Runtime"] == "python3.13"


def test_an_answer_may_take_as_long_as_lambda_lets_it():
    assert function()["Timeout"] == 900


@pytest.mark.parametrize("box", BOXES)
def test_every_function_is_in_the_private_subnets_and_in_a_group_of_its_own(box):
    place = function(box)["VpcConfig"]
    assert len(place["SubnetIds"]) == 2
    assert all("private" in str(subnet) for subnet in place["SubnetIds"])
    (group,) = place["SecurityGroupIds"]
    own = "Function" if box == "Orchestrator" else box
    assert f"Security{own}" in str(group)


@pytest.mark.parametrize("box", BOXES)
def test_every_function_logs_into_an_encrypted_group_that_forgets(box):
    group = chat_templates().only("chat", "AWS::Logs::LogGroup", f"{box}Log")
    assert group["RetentionInDays"] == chat_templates().stage.function.log_days
    assert "KeysData" in str(group["KmsKeyId"])
    assert f"{box}Log" in function(box)["LoggingConfig"]["LogGroup"]["Ref"]


@pytest.mark.parametrize("box", BOXES)
def test_variables_are_encrypted_by_our_key(box):
    assert "KeysData" in str(function(box)["KmsKeyArn"])


@pytest.mark.parametrize("box", BOXES)
def test_tracing_and_processor_are_as_set(box):
    assert function(box)["TracingConfig"] == {"Mode": "Active"}
    assert function(box)["Architectures"] == ["arm64"]
    other = function(box, "ready")
    assert other.get("TracingConfig", {"Mode": "PassThrough"})["Mode"] == "PassThrough"
    assert other["Architectures"] == ["x86_64"]


def test_versions_start_from_a_snapshot_and_the_api_calls_a_version():
    assert function()["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert "CurrentVersion" in str(alias("dev")["FunctionVersion"])
    assert alias("dev")["Name"] == "live"
    assert "ProvisionedConcurrencyConfig" not in alias("dev")


def test_instances_are_kept_ready_instead_where_that_is_set():
    assert "SnapStart" not in function(variant="ready")
    ready = alias("ready")["ProvisionedConcurrencyConfig"]
    assert ready == {"ProvisionedConcurrentExecutions": 2}


def test_reserved_concurrency_is_set_only_where_it_is_asked_for():
    assert "ReservedConcurrentExecutions" not in function()
    assert function(variant="ready")["ReservedConcurrentExecutions"] == 20
    assert function("Sweeper", "ready")["ReservedConcurrentExecutions"] == 1
    assert "ReservedConcurrentExecutions" not in function("Sweeper")


def test_old_versions_stay_where_data_does():
    for variant, policy in (("dev", "Delete"), ("prod", "Retain")):
        ((_, version),) = chat_templates(variant).chat.named("AWS::Lambda::Version")
        assert version.get("DeletionPolicy", "Delete") == policy


def test_an_asynchronous_call_is_never_repeated_and_never_kept():
    configs = chat_templates().chat.of_type("AWS::Lambda::EventInvokeConfig")
    (own,) = [
        one for one in configs if "Alias" in str(one["Qualifier"]) or one["Qualifier"] != "$LATEST"
    ]
    assert (own["MaximumRetryAttempts"], own["MaximumEventAgeInSeconds"]) == (0, 60)
    assert "DestinationConfig" not in own


def test_the_salt_is_made_by_aws_and_encrypted_by_our_key():
    secret = chat_templates().chat.only("AWS::SecretsManager::Secret")
    assert secret["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 48}
    assert "KeysData" in str(secret["KmsKeyId"])
