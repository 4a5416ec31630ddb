"""The graph of the pipeline, written with the SageMaker SDK.

    BuildImage -> ValidateWeights -> StagingModel -> StagingConfig -> StagingEndpoint
        StagingEndpoint -> Evaluate -> Benchmark -> Judge -> Gate -+-> Register
        (any end of those three) -> Teardown                       '-> Rejected

`make pipeline-definition` stores it as `definition.json`, which is what everything else reads: the
SDK is wanted here alone. What differs from deployment to deployment stands as `${name}`, and
`render.py` fills it in. Evaluate and Benchmark run one after the other because they would disturb
each other. Nothing reaches AWS.
"""

from __future__ import annotations

import json
from typing import Any

import boto3
from sagemaker.core.lambda_helper import Lambda
from sagemaker.core.workflow.conditions import ConditionEquals
from sagemaker.core.workflow.execution_variables import ExecutionVariables
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackStep
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep, EndpointStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition

from pipelines import documents
from pipelines.definition import steps
from pipelines.definition.author_jobs import Jobs
from pipelines.definition.parameters import PARAMETERS

ARN = "arn:${partition}"
VARIANT = "${variant}"
EXECUTION = ExecutionVariables.PIPELINE_EXECUTION_ID
STAGING = Join(on="-", values=["${staging_prefix}", EXECUTION])
RESULTS = Join(on="/", values=[f"s3://${{bucket}}/{steps.RESULTS}", EXECUTION, ""])
TAGS = [{"Key": steps.EXECUTION_TAG, "Value": EXECUTION}]


def definition() -> dict[str, Any]:
    """The pipeline's definition, with placeholders for what a deployment decides."""
    graph = _Graph()
    pipeline = Pipeline(
        name="${pipeline}",
        parameters=list(graph.given.values()),
        steps=graph.steps(),
        sagemaker_session=graph.session,
        pipeline_experiment_config=None,
        pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=True),
    )
    made: dict[str, Any] = json.loads(pipeline.definition())
    for step in made["Steps"]:
        if step["Type"] == "Processing":  # the SDK takes `${` and `}` out of names of jobs
            step["Arguments"]["ProcessingJobName"] = f"${{prefix}}-{step['Name'].lower()}"
    return made


class _Graph:
    """The steps, each made of the ones before it."""

    def __init__(self) -> None:
        self.session = PipelineSession(boto_session=_nobody(), default_bucket="${bucket}")
        self.given = {one.name: _parameter(one.name, one.default) for one in PARAMETERS}
        self.plan = PropertyFile(name=steps.PLAN_FILE, output_name="documents", path=documents.PLAN)

    def steps(self) -> list[Any]:
        """All of them but those behind the gate, which belong to the gate."""
        build = self._build()
        image = build.properties.Outputs["ImageUri"]
        jobs = Jobs(self.session, self.given, image, RESULTS)
        validate = jobs.validate(self.plan)
        model = self._model(image)
        config = self._config(model)
        endpoint = self._endpoint(config)
        name = endpoint.properties.EndpointName
        evaluate = jobs.measure(steps.EVALUATE, name)
        place = ["--place", self.given["InstanceType"]]
        benchmark = jobs.measure(steps.BENCHMARK, name, place, after=[evaluate])
        judge = self._judge(benchmark)
        gate = self._gate(judge, image)
        teardown = self._teardown(endpoint, evaluate, benchmark)
        trial = [model, config, endpoint, evaluate, benchmark]
        return [build, validate, *trial, judge, gate, teardown]

    def _build(self) -> Any:
        wanted = ("ImageUri", "Fingerprint", "ImageSource")
        return CallbackStep(
            steps.BUILD_IMAGE,
            sqs_queue_url="https://sqs.${region}.${dns_suffix}/${account}/${build_queue}",
            inputs={name: self.given[name] for name in wanted},
            outputs=[CallbackOutput(output_name="ImageUri")],
        )

    def _model(self, image: Any) -> Any:
        """The session's own CreateModel: ModelBuilder would ask S3 and pack code again."""
        self.session.init_model_step_arguments(_ModelOf(self.session))
        self.session.create_model(
            "${staging_prefix}",
            role=f"{ARN}:iam::${{account}}:role/${{execution_role}}",
            container_defs={
                "Image": image,
                "ModelDataSource": {"S3DataSource": self._weights()},
                "Environment": {key: self._of_plan(key) for key in steps.PLAN_KEYS},
            },
            tags=TAGS,
            enable_network_isolation=True,  # as in production
        )
        arguments, self.session.context = self.session.context, None
        return ModelStep(steps.MODEL, step_args=arguments)

    def _weights(self) -> dict[str, Any]:
        place = self.given["WeightsUri"]
        return {"S3Uri": place, "S3DataType": "S3Prefix", "CompressionType": "None"}

    def _of_plan(self, key: str) -> Any:
        return JsonGet(
            step_name=steps.VALIDATE, property_file=self.plan, json_path=steps.plan_path(key)
        )

    def _config(self, model: Any) -> Any:
        variant = {
            "VariantName": VARIANT,
            "ModelName": model.properties.ModelName,
            "InitialInstanceCount": 1,
            "InstanceType": self.given["InstanceType"],
            "InferenceAmiVersion": self.given["InferenceAmiVersion"],
            "ContainerStartupHealthCheckTimeoutInSeconds": self.given["StartupTimeoutSeconds"],
            "ModelDataDownloadTimeoutInSeconds": self.given["DownloadTimeoutSeconds"],
        }
        request = self.session.create_endpoint_config(STAGING, [variant], tags=TAGS)
        return EndpointConfigStep(steps.CONFIG, step_args=request)

    def _endpoint(self, config: Any) -> Any:
        name = config.properties.EndpointConfigName
        request = self.session.create_endpoint(STAGING, name, tags=TAGS)
        return EndpointStep(steps.ENDPOINT, step_args=request)

    def _judge(self, benchmark: Any) -> Any:
        against = self.given["Against"]
        inputs = {"results": RESULTS, "group": "${package_group}", "against": against}
        outputs = ("passed", "reasons", "gates", "report")
        return self._function(steps.JUDGE, inputs, outputs, [benchmark])

    def _gate(self, judge: Any, image: Any) -> Any:
        """A branch's steps are listed in it alone, and nothing outside may wait for them."""
        said = judge.properties.Outputs
        register = {
            "ImageUri": image,
            "ModelData": self.given["WeightsUri"],
            "Results": RESULTS,
            "ExecutionId": EXECUTION,
            "ExecutionArn": ExecutionVariables.PIPELINE_EXECUTION_ARN,
            "Approval": self.given["Approval"],
        }
        why = Join(on=" ", values=["The gates refuse this candidate:", said["reasons"]])
        return ConditionStep(
            steps.GATE,
            conditions=[ConditionEquals(left=said["passed"], right="true")],
            if_steps=[self._function(steps.REGISTER, register, ("Version", "PackageArn"))],
            else_steps=[FailStep(steps.REJECTED, error_message=why)],
        )

    def _teardown(self, *trial: Any) -> Any:
        """However the trial ended. An execution that is stopped runs no step: a rule sees to it."""
        after = [StepDependency(one, TriggerCondition.ANY) for one in trial]
        return self._function(steps.TEARDOWN, {"ExecutionId": EXECUTION}, (), after)

    def _function(
        self, name: str, inputs: dict[str, Any], outputs: tuple[str, ...], after: Any = None
    ) -> Any:
        function = f"${{{name.lower()}_function}}"
        arn = f"{ARN}:lambda:${{region}}:${{account}}:function:{function}"
        return LambdaStep(
            name,
            lambda_func=Lambda(function_arn=arn, session=self.session),
            inputs=inputs,
            outputs=[LambdaOutput(output_name=one) for one in outputs],
            depends_on=after,
        )


class _ModelOf:
    """All that the SDK asks of the object whose model a step creates."""

    def __init__(self, session: Any) -> None:
        self.sagemaker_session = session


def _parameter(name: str, default: str | int | None) -> Any:
    if isinstance(default, int):
        return ParameterInteger(name, default_value=default)
    return ParameterString(name, default_value=default)


def _nobody() -> Any:
    """A session without anyone's credentials: what is made here depends on no account."""
    return boto3.Session("none", "none", region_name="us-east-1")
