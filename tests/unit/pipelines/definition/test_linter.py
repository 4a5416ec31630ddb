"""The linter finds nothing in our definition, and each mistake that is planted into it."""

from __future__ import annotations

from typing import Any

import pytest

from pipelines.definition.linter import lint
from tests.unit.pipelines.definition.planted import clean, get, of_plan, put, step

VARIANT = "StagingConfig.Arguments.ProductionVariants.0"
ENVIRONMENT = "StagingModel.Arguments.PrimaryContainer.Environment"
CONDITION = "Gate.Arguments.Conditions.0"
PLAN = "ValidateWeights.PropertyFiles.Plan"


def test_our_definition_has_no_mistake() -> None:
    assert lint(clean()) == []


def test_nor_has_that_of_an_instance_without_a_driver_to_choose() -> None:
    assert lint(clean(ami="", instance="ml.c7i.4xlarge")) == []


@pytest.mark.parametrize(
    ("path", "value", "where", "message"),
    [
        # references
        (
            f"{VARIANT}.InstanceType",
            get("Parameters.Instance"),
            "InstanceType",
            "no parameter 'Ins",
        ),
        ("Judge.Arguments.results", get("Execution.Id"), "results", "an execution has no 'Id'"),
        ("Judge.Arguments.results", get("Judge.x"), "results", "must begin with Parameters."),
        (f"{VARIANT}.ModelName", get("Steps.Model.ModelName"), "ModelName", "no step 'Model'"),
        (f"{VARIANT}.ModelName", get("Steps.StagingModel.Name"), "ModelName", "has no 'Name'"),
        (
            f"{VARIANT}.ModelName",
            get("Steps.StagingModel.PrimaryContainer"),
            "ModelName",
            "is no single value but a structure",
        ),
        (
            "Judge.Arguments.results",
            get("Steps.ValidateWeights.ProcessingOutputConfig.Outputs['documents'].S3Output.Uri"),
            "results",
            "has no 'Uri'",
        ),
        (
            "Judge.Arguments.results",
            get("Steps.ValidateWeights.ProcessingOutputConfig.Outputs['plans'].S3Output.S3Uri"),
            "results",
            "there is no 'plans' among ['documents']",
        ),
        (
            "Evaluate.Arguments.AppSpecification.ImageUri",
            get("Steps.BuildImage.OutputParameters['Image']"),
            "ImageUri",
            "BuildImage has no output 'Image'; declared: ImageUri",
        ),
        (
            "Evaluate.Arguments.AppSpecification.ImageUri",
            get("Steps.BuildImage.ImageUri"),
            "ImageUri",
            "there is only OutputParameters['NAME']",
        ),
        ("Judge.Arguments.results", get("Steps.Rejected.x"), "results", "Fail has no x"),
        # property files and documents
        (f"{ENVIRONMENT}.X", of_plan("Evaluate.PropertyFiles.Plan", "a"), "X", "no property file"),
        (f"{ENVIRONMENT}.X", of_plan("Nobody.PropertyFiles.Plan", "a"), "X", "no step 'Nobody'"),
        (f"{ENVIRONMENT}.X", of_plan("ValidateWeights.Plan", "a"), "X", "is no Steps.NAME.Prop"),
        (f"{ENVIRONMENT}.X", of_plan(PLAN, "plans[0].env"), "X", "plan.json has no 'plans[0].env'"),
        (f"{ENVIRONMENT}.X", of_plan(PLAN, "plans[1]"), "X", "plan.json has no 'plans[1]'"),
        (f"{ENVIRONMENT}.X", of_plan(PLAN, "plans..x"), "X", "plan.json has no 'plans..x'"),
        (f"{ENVIRONMENT}.X", of_plan(PLAN, "plans[0]"), "X", "is no single value"),
        (
            "ValidateWeights.PropertyFiles.0.OutputName",
            "plans",
            "PropertyFiles.Plan",
            "the step has no output 'plans'",
        ),
        (
            "ValidateWeights.PropertyFiles.0.FilePath",
            "other.json",
            "KEEPWARM_DTYPE",
            "no example of other.json",
        ),
        # arguments against the requests
        (f"{VARIANT}.InstanceTyp", "x", "StagingConfig", "Unknown parameter in ProductionVariants"),
        ("Evaluate.Arguments.RoleArn", 7, "Evaluate", "Invalid type for parameter RoleArn"),
        (f"{VARIANT}.InstanceType", "ml.g99.large", "InstanceType", "no ProductionVariantInstance"),
        (f"{VARIANT}.InferenceAmiVersion", "gpu-9", "InferenceAmiVersion", "'gpu-9' is no "),
        (f"{VARIANT}.VariantName", "my variant", "VariantName", "does not match"),
        (
            f"{VARIANT}.ContainerStartupHealthCheckTimeoutInSeconds",
            30,
            "StagingConfig",
            "valid min",
        ),
        (
            f"{VARIANT}.ContainerStartupHealthCheckTimeoutInSeconds",
            7200,
            "ContainerStartupHealthCheckTimeoutInSeconds",
            "must be at most 3600, it is 7200",
        ),
        (
            f"{VARIANT}.ContainerStartupHealthCheckTimeoutInSeconds",
            get("Parameters.InstanceType"),
            "StagingConfig",
            "Invalid type",
        ),
        (f"{ENVIRONMENT}.2X", "y", "2X", "does not match"),
        (
            "StagingEndpoint.Arguments.EndpointName",
            "x" * 64,
            "EndpointName",
            "at most 63 characters",
        ),
        # whom a step asks
        ("BuildImage.SqsQueueUrl", "${build_queue}", "SqsQueueUrl", "is none"),
        ("Judge.FunctionArn", "judge", "FunctionArn", "'judge' is none"),
        # dependencies
        ("Judge.DependsOn", ["Measure"], "Judge.DependsOn", "there is no step 'Measure'"),
        ("Judge.DependsOn", [{"Step": "Evaluate", "Trigger": "Ok"}], "DependsOn", "'Ok' must be"),
        ("Teardown.DependsOn", ["Gate"], "DependsOn", "no step can wait for Gate"),
        ("Teardown.DependsOn", ["Rejected"], "DependsOn", "no step can wait for Rejected"),
        ("Teardown.DependsOn", ["Register"], "DependsOn", "Register runs in Gate.IfSteps alone"),
        (
            "Teardown.Arguments.version",
            get("Steps.Register.OutputParameters['Version']"),
            "Teardown.Arguments",
            "Register runs in Gate.IfSteps alone",
        ),
        ("Evaluate.DependsOn", ["Judge"], "Steps", "these wait for each other: "),
        (
            "ValidateWeights.Arguments.Environment.NAME",
            get("Steps.StagingEndpoint.EndpointName"),
            "Steps",
            "these wait for each other: ",
        ),
        ("BuildImage.DependsOn", [{"Step": "Teardown", "Trigger": "Any"}], "Steps", "each other"),
        # conditions
        (f"{CONDITION}.Type", "Matches", "Conditions[0]", "'Matches' is no condition"),
        (f"{CONDITION}.RightValue", 1, "Conditions[0]", "text is compared with number"),
        (f"{CONDITION}.RightValue", True, "Conditions[0]", "text is compared with truth value"),
        (f"{CONDITION}.RightValue", None, "Conditions[0]", "a side is missing"),
        (f"{CONDITION}.Type", "LessThan", "Conditions[0]", "text has no order"),
        (
            f"{CONDITION}.LeftValue",
            get("Steps.Judge.OutputParameters['ok']"),
            "LeftValue",
            "Judge has no output 'ok'",
        ),
        ("Gate.Arguments.Conditions", [], "Steps.Gate", "it has no condition"),
        # the steps themselves
        ("Judge.Name", "Evaluate", "Steps.Evaluate", "there is another step of this name"),
        ("Judge.Name", "The judge", "Steps.The judge", "letters, digits and hyphens"),
        ("Judge.Type", "Function", "Steps.Judge", "'Function' is no type of step"),
    ],
)
def test_a_planted_mistake_is_found_at_its_place(
    path: str, value: Any, where: str, message: str
) -> None:
    definition = clean()
    put(definition, path, value)
    found = lint(definition)
    assert any(where in one.where and message in one.message for one in found), found


def test_a_required_argument_that_is_missing() -> None:
    definition = clean()
    del step(definition, "StagingConfig")["Arguments"]["EndpointConfigName"]
    assert any("Missing required parameter" in one.message for one in lint(definition))


def test_a_name_that_grows_too_long_when_it_is_joined() -> None:
    definition = clean()
    put(
        definition,
        "StagingEndpoint.Arguments.EndpointName",
        {"Std:Join": {"On": "-", "Values": ["x" * 55, get("Execution.PipelineExecutionId")]}},
    )
    assert [one.message for one in lint(definition) if "63" in one.message]


def test_branches_that_do_nothing() -> None:
    definition = clean()
    step(definition, "Gate")["Arguments"] |= {"IfSteps": [], "ElseSteps": []}
    assert any(one.message == "both branches are empty" for one in lint(definition))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"DefaultValue": ""}, "the default '' is no String, or empty"),
        ({"DefaultValue": 5}, "the default 5 is no String"),
        ({"Type": "Integer", "DefaultValue": "5"}, "the default '5' is no Integer"),
        ({"Type": "Integer", "DefaultValue": True}, "the default True is no Integer"),
        ({"Type": "Text"}, "type 'Text' must be one of"),
        ({"Name": "Approval"}, "it is declared twice"),
        ({"Name": "Forgotten"}, "no step uses it"),
    ],
)
def test_a_parameter_that_cannot_be(change: dict[str, Any], message: str) -> None:
    definition = clean()
    against = next(one for one in definition["Parameters"] if one["Name"] == "Against")
    against.update(change)
    assert any(message in one.message for one in lint(definition))


def test_a_default_is_held_against_the_request_that_it_ends_up_in() -> None:
    found = lint(clean(instance="ml.g99.large"))
    assert [one.where for one in found] == [
        "Steps.StagingConfig.Arguments.ProductionVariants[0].InstanceType"
    ]


def test_conditions_within_conditions() -> None:
    definition = clean()
    left = get("Steps.Judge.OutputParameters['passed']")
    inner = {"Type": "In", "QueryValue": left, "Values": ["true", 1]}
    put(definition, CONDITION, {"Type": "Or", "Conditions": [{"Type": "Not", "Expression": inner}]})
    (found,) = lint(definition)
    assert found.where == "Steps.Gate.Conditions[0].Conditions[0].Expression"
    assert found.message == "text is compared with number"


def test_another_pipeline_brings_examples_of_its_own_documents() -> None:
    definition = clean()
    put(definition, "ValidateWeights.PropertyFiles.0.FilePath", "mine.json")
    environment = dict.fromkeys(
        step(definition, "StagingModel")["Arguments"]["PrimaryContainer"]["Environment"], "1"
    )
    assert lint(definition, {"mine.json": {"plans": [{"environment": environment}]}}) == []


def test_an_empty_definition() -> None:
    assert [str(one) for one in lint({"Version": "2020-01-01"})] == [
        "Steps: there is none",
        "Version: must be '2020-12-01', it is '2020-01-01'",
    ]
