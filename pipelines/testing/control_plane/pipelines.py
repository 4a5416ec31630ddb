"""SageMaker Pipelines: definitions and executions, whose steps a test moves along."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page
from pipelines.testing.control_plane.sqs import Queues

STEP_EVENT = "SageMaker Model Building Pipeline Execution Step Status Change"
EXECUTION_EVENT = "SageMaker Model Building Pipeline Execution Status Change"


class Pipelines(Part):
    """CreatePipeline, StartPipelineExecution, the callbacks and their kin.

    Nothing runs by itself: `step` and `callback` say what a step does, `finish` how it all ends.

    Attributes:
        items: pipelines by name.
        executions: by ARN.
        steps: of each execution, in order.
        answered: what callbacks sent, by token.
    """

    service = "sagemaker"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.items: dict[str, Answer] = {}
        self.executions: dict[str, Answer] = {}
        self.steps: dict[str, dict[str, Answer]] = {}
        self.answered: dict[str, Answer] = {}
        self._tokens: dict[str, str] = {}
        self._callbacks: dict[str, tuple[str, str]] = {}
        self._queues: dict[str, tuple[str, Parameters]] = {}
        self._count = itertools.count(1)

    def resources(self) -> Iterable[str]:
        return (f"pipeline/{name}" for name in self.items)

    def create_pipeline(self, parameters: Parameters) -> Answer:
        name = parameters["PipelineName"]
        if name in self.items:
            raise ApiError(
                "ValidationException", f"Pipeline names must be unique. {name} already exists."
            )
        arn = self.arn(f"pipeline/{name}")
        self.items[name] = _kept(parameters) | {
            "PipelineArn": arn,
            "PipelineStatus": "Active",
            "CreationTime": self.now,
        }
        return {"PipelineArn": arn}

    def update_pipeline(self, parameters: Parameters) -> Answer:
        pipeline = self._pipeline(parameters)
        pipeline |= _kept(parameters) | {"LastModifiedTime": self.now}
        return {"PipelineArn": pipeline["PipelineArn"]}

    def describe_pipeline(self, parameters: Parameters) -> Answer:
        return self._pipeline(parameters)

    def delete_pipeline(self, parameters: Parameters) -> Answer:
        pipeline = self._pipeline(parameters)
        del self.items[parameters["PipelineName"]]
        return {"PipelineArn": pipeline["PipelineArn"]}

    def start_pipeline_execution(self, parameters: Parameters) -> Answer:
        token = parameters["ClientRequestToken"]
        if token in self._tokens:
            return {"PipelineExecutionArn": self._tokens[token]}
        pipeline = self._pipeline(parameters)
        arn = f"{pipeline['PipelineArn']}/execution/{next(self._count):012d}"
        self.executions[arn] = {
            "PipelineArn": pipeline["PipelineArn"],
            "PipelineExecutionArn": arn,
            "PipelineExecutionStatus": "Executing",
            "CreationTime": self.now,
            "LastModifiedTime": self.now,
            "parameters": {
                one["Name"]: one["Value"] for one in parameters.get("PipelineParameters", [])
            },
        }
        for key in ("PipelineExecutionDisplayName", "PipelineExecutionDescription"):
            if key in parameters:
                self.executions[arn][key] = parameters[key]
        self.steps[arn] = {}
        self._tokens[token] = arn
        self._tell_execution(self.executions[arn], "Executing")
        return {"PipelineExecutionArn": arn}

    def describe_pipeline_execution(self, parameters: Parameters) -> Answer:
        found = self._execution(parameters["PipelineExecutionArn"])
        return {key: one for key, one in found.items() if key != "parameters"}

    def list_pipeline_parameters_for_execution(self, parameters: Parameters) -> Answer:
        given = self._execution(parameters["PipelineExecutionArn"])["parameters"]
        rows = [{"Name": name, "Value": value} for name, value in given.items()]
        return page(rows, parameters, "PipelineParameters")

    def list_pipeline_executions(self, parameters: Parameters) -> Answer:
        pipeline = self._pipeline(parameters)
        rows = [
            {
                "PipelineExecutionArn": one["PipelineExecutionArn"],
                "StartTime": one["CreationTime"],
                "PipelineExecutionStatus": one["PipelineExecutionStatus"],
            }
            for one in self.executions.values()
            if one["PipelineArn"] == pipeline["PipelineArn"]
        ]
        if parameters.get("SortOrder", "Descending") == "Descending":
            rows.reverse()
        return page(rows, parameters, "PipelineExecutionSummaries")

    def list_pipeline_execution_steps(self, parameters: Parameters) -> Answer:
        arn = self._execution(parameters["PipelineExecutionArn"])["PipelineExecutionArn"]
        rows = list(self.steps[arn].values())
        if parameters.get("SortOrder", "Descending") == "Descending":
            rows.reverse()
        return page(rows, parameters, "PipelineExecutionSteps")

    def stop_pipeline_execution(self, parameters: Parameters) -> Answer:
        arn = parameters["PipelineExecutionArn"]
        if self._execution(arn)["PipelineExecutionStatus"] == "Executing":
            self._stop(arn)
        return {"PipelineExecutionArn": arn}

    def send_pipeline_execution_step_success(self, parameters: Parameters) -> Answer:
        return self._answered(parameters, "Succeeded")

    def send_pipeline_execution_step_failure(self, parameters: Parameters) -> Answer:
        return self._answered(parameters, "Failed")

    def step(
        self, execution: str, name: str, status: str, reason: str = "", **metadata: Any
    ) -> None:
        """Let a step of an execution be in a status; `metadata` as in PipelineExecutionStep."""
        steps = self.steps[execution]
        before = steps.get(name, {})
        step = {"StepName": name, "StartTime": self.now, "AttemptCount": 1, **before}
        step |= {"StepStatus": status}
        if metadata:
            step["Metadata"] = metadata
        if reason:
            step["FailureReason"] = reason
        if status in ("Succeeded", "Failed", "Stopped"):
            step["EndTime"] = self.now
        steps[name] = step
        detail = {
            "stepName": name,
            "previousStepStatus": before.get("StepStatus", ""),
            "currentStepStatus": status,
            "pipelineExecutionArn": execution,
        }
        self.plane.emit("aws.sagemaker", STEP_EVENT, detail, execution)

    def callback(
        self, execution: str, name: str, queue_url: str = "", arguments: Parameters | None = None
    ) -> str:
        """Let a callback step wait; its token. Whoever plays SageMaker sends the first message."""
        token = f"token{next(self._count):05d}"
        self._callbacks[token] = (execution, name)
        self._queues[token] = (queue_url, arguments or {})
        metadata = {"CallbackToken": token, "SqsQueueUrl": queue_url}
        self.step(execution, name, "Executing", Callback=metadata)
        return token

    def finish(self, execution: str, status: str = "Succeeded", reason: str = "") -> None:
        """Let an execution end."""
        found = self.executions[execution]
        found |= {"PipelineExecutionStatus": status, "LastModifiedTime": self.now}
        if reason:
            found["FailureReason"] = reason
        self._tell_execution(found, status)

    def _answered(self, parameters: Parameters, status: str) -> Answer:
        token = parameters["CallbackToken"]
        if token not in self._callbacks:
            raise ApiError("ResourceNotFound", f"Callback token {token} is not known.")
        execution, name = self._callbacks[token]
        if self.steps[execution][name]["StepStatus"] != "Executing":
            raise ApiError("ValidationException", f"Step {name} is not waiting.")
        self.answered[token] = dict(parameters)
        outputs = parameters.get("OutputParameters", [])
        metadata = {"CallbackToken": token, "OutputParameters": outputs}
        self.step(execution, name, status, parameters.get("FailureReason", ""), Callback=metadata)
        stopping = self.executions[execution]["PipelineExecutionStatus"] == "Stopping"
        if stopping and not self._waiting(execution):
            self.finish(execution, "Stopped")
        return {"PipelineExecutionArn": execution}

    def _stop(self, execution: str) -> None:
        """A step that waits for its answer is told to stop, and holds the execution until then."""
        waiting = self._waiting(execution)
        if not waiting:
            return self.finish(execution, "Stopped")
        self.executions[execution]["PipelineExecutionStatus"] = "Stopping"
        for token in waiting:
            queue_url, arguments = self._queues[token]
            body = {"token": token, "pipelineExecutionArn": execution, "status": "Stopping"}
            message = json.dumps({**body, "arguments": arguments})
            if queue_url:
                self.plane.part(Queues).deliver(queue_url, message)
        return None

    def _waiting(self, execution: str) -> list[str]:
        """Tokens of an execution that nobody has answered."""
        return [
            token
            for token, (owner, _) in self._callbacks.items()
            if owner == execution and token not in self.answered
        ]

    def _tell_execution(self, execution: Answer, status: str) -> None:
        arn = execution["PipelineExecutionArn"]
        detail = {"pipelineExecutionArn": arn, "currentPipelineExecutionStatus": status}
        detail["pipelineArn"] = execution["PipelineArn"]
        self.plane.emit("aws.sagemaker", EXECUTION_EVENT, detail, execution["PipelineArn"], arn)

    def _pipeline(self, parameters: Parameters) -> Answer:
        name = parameters["PipelineName"].rpartition("/")[2]
        if name not in self.items:
            arn = self.arn(f"pipeline/{name}")
            raise ApiError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
        return self.items[name]

    def _execution(self, arn: str) -> Answer:
        if arn not in self.executions:
            raise ApiError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.")
        return self.executions[arn]


def _kept(parameters: Parameters) -> Answer:
    left_out = ("ClientRequestToken", "Tags", "PipelineDefinitionS3Location")
    return {key: one for key, one in parameters.items() if key not in left_out}
