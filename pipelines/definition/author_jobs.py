"""The processing jobs of the graph: the pipeline's own steps in the serving image, on a CPU.

The image has the packages and the engine; the steps' sources arrive as an input, so that a change
of the pipeline needs no new image.
"""

from __future__ import annotations

from typing import Any

from sagemaker.core.processing import Processor
from sagemaker.core.shapes import (
    ProcessingInput,
    ProcessingOutput,
    ProcessingS3Input,
    ProcessingS3Output,
)
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.retry import (
    SageMakerJobExceptionTypeEnum,
    SageMakerJobStepRetryPolicy,
    StepExceptionTypeEnum,
    StepRetryPolicy,
)
from sagemaker.mlops.workflow.steps import ProcessingStep

from pipelines.definition import steps

PYTHON = "/opt/keepwarm/venv/bin/python"
CODE = "/opt/ml/processing/code"
MODEL = "/opt/ml/processing/model"
OUTPUT = "/opt/ml/processing/output"
ENVIRONMENT = {
    "PYTHONPATH": f"{CODE}:/opt/keepwarm",
    "AWS_REGION": "${region}",
    "AWS_DEFAULT_REGION": "${region}",
}
SMALL_DISK_GB = 30
LONGEST_S = 4 * 3600


class Jobs:
    """Makes the processing steps.

    Args:
        session: the SDK's, in which nothing is started.
        given: the pipeline's parameters by name.
        image: of the container.
        results: where all documents of an execution go.
    """

    def __init__(self, session: Any, given: dict[str, Any], image: Any, results: Any) -> None:
        self._session = session
        self._given = given
        self._image = image
        self._results = results

    def validate(self, plan: PropertyFile) -> Any:
        """Check the weights and plan the instance; later steps read the plan."""
        given = self._given
        told = {
            "--model": MODEL,
            "--name": given["WeightsUri"],
            "--instance": given["InstanceType"],
            "--context": given["Context"],
        }
        return self._step(
            steps.VALIDATE,
            "validate",
            [word for pair in told.items() for word in pair],
            inputs=[_input("model", given["WeightsUri"], MODEL)],
            disk=given["ModelVolumeGb"],
            property_files=[plan],
        )

    def measure(self, name: str, endpoint: Any, more: Any = (), after: Any = None) -> Any:
        """Talk to the staging endpoint and write down what it said, or how fast."""
        arguments = ["--endpoint", endpoint, *more]
        return self._step(name, name.lower(), arguments, depends_on=after)

    def _step(
        self,
        name: str,
        module: str,
        arguments: list[Any],
        *,
        inputs: Any = (),
        disk: Any = SMALL_DISK_GB,
        **more: Any,
    ) -> Any:
        processor = Processor(
            role="arn:${partition}:iam::${account}:role/${steps_role}",
            image_uri=self._image,
            instance_count=1,
            instance_type=self._given["CpuInstanceType"],
            entrypoint=[PYTHON, "-m", f"pipelines.steps.{module}"],
            volume_size_in_gb=disk,
            max_runtime_in_seconds=LONGEST_S,
            base_job_name=name.lower(),
            sagemaker_session=self._session,
            env=ENVIRONMENT,
        )
        request = processor.run(
            inputs=[_input("code", self._given["CodeUri"], CODE), *inputs],
            outputs=[self._output()],
            arguments=[*arguments, "--output", OUTPUT],
        )
        return ProcessingStep(name, step_args=request, retry_policies=_again(), **more)

    def _output(self) -> ProcessingOutput:
        """One folder for all steps: no two write the same document."""
        place = ProcessingS3Output(
            s3_uri=self._results, local_path=OUTPUT, s3_upload_mode="EndOfJob"
        )
        return ProcessingOutput(output_name="documents", s3_output=place)


def _input(name: str, place: Any, path: str) -> ProcessingInput:
    source = ProcessingS3Input(
        s3_uri=place, local_path=path, s3_data_type="S3Prefix", s3_input_mode="File"
    )
    return ProcessingInput(input_name=name, s3_input=source)


def _again() -> list[Any]:
    """AWS's failures are tried again; a refusal of the step's own is not."""
    return [
        StepRetryPolicy(
            exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING],
            interval_seconds=30,
            max_attempts=5,
        ),
        SageMakerJobStepRetryPolicy(
            exception_types=[
                SageMakerJobExceptionTypeEnum.INTERNAL_ERROR,
                SageMakerJobExceptionTypeEnum.CAPACITY_ERROR,
            ],
            interval_seconds=120,
            max_attempts=3,
        ),
    ]
