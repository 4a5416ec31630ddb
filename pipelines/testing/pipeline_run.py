"""What SageMaker itself does with a definition, on the fake account: one execution, step by step.

    run = PipelineRun(plane, definition, functions={"keepwarm-judge": judge, ...}, jobs={...})
    status = run.execute(execution_arn)

Native steps call the fake's operations with the arguments that the definition gives them, Lambda
steps call functions with their real events, callbacks go through the fake's queue, and processing
jobs are functions of the test that leave documents in the fake's S3. A step that waits for another
one's end does not run when that one never began: the harder reading of what SageMaker promises.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.definition.linter.arguments import check_arguments
from pipelines.definition.linter.expressions import GET, JOIN, JSON_GET, is_expression, parts
from pipelines.definition.linter.expressions import steps_named as needs
from pipelines.definition.linter.graph import BRANCHES, Step, all_steps, dependencies
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.pipelines import Pipelines
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.control_plane.sqs import Queues

Function = Callable[[dict[str, Any]], dict[str, Any]]
Job = Callable[[list[str], str], None]

LONGEST_WAIT_S = 4 * 3600
LOOK_S = 60.0
SUFFIX = "aBcDeF1234"
"""What the service puts behind the names that it makes: prefix, execution, and this."""

DONE, BROKEN, LEFT_OUT = "Succeeded", "Failed", "NotExecuted"
TRIGGERED_BY = {
    "Completed": (DONE,),
    "Failed": (BROKEN,),
    "Stopped": (),
    "Any": (DONE, BROKEN),
}


class StepFailed(Exception):
    """A step's end; the message is its FailureReason."""


class PipelineRun:
    """One execution of a definition.

    Args:
        plane: the account.
        definition: as `render` makes it.
        functions: by their name in the account.
        jobs: by the module that the container starts; a job is given its arguments and the prefix
            of its documents, and raises StepFailed.
        role: whose calls the native steps are.
    """

    def __init__(
        self,
        plane: ControlPlane,
        definition: Mapping[str, Any],
        functions: Mapping[str, Function],
        jobs: Mapping[str, Job],
        role: str = "pipeline",
    ) -> None:
        self._plane = plane
        self._definition = definition
        self._functions = functions
        self._jobs = jobs
        self._sagemaker = plane.client("sagemaker", role=role)
        self._steps = list(all_steps(definition["Steps"]))
        self._outcomes: dict[str, Any] = {}
        self._execution = ""
        self.ends: dict[str, str] = {}

    def execute(self, execution: str, stop_after: str = "") -> str:
        """Run all steps that can run; the execution's end.

        Args:
            execution: its ARN, as StartPipelineExecution answered.
            stop_after: a step after which somebody stops the execution.
        """
        self._execution = execution
        waiting = list(self._steps)
        while ready := [one for one in waiting if self._is_ready(one)]:
            waiting.remove(ready[0])
            self._run(ready[0])
            if ready[0].name == stop_after:
                self._pipelines.finish(execution, "Stopped")
                return "Stopped"
        return self._finish()

    @property
    def _pipelines(self) -> Pipelines:
        return self._plane.part(Pipelines)

    def _is_ready(self, step: Step) -> bool:
        if step.branch:
            condition, branch = step.branch.split(".")
            if self._outcomes.get(condition) != branch:
                return False
        explicit = all(
            self.ends.get(name) in TRIGGERED_BY[trigger] for name, trigger in dependencies(step)
        )
        return explicit and all(self.ends.get(name) == DONE for name in needs(step.arguments))

    def _run(self, step: Step) -> None:
        reason = ""
        try:
            self._outcomes[step.name] = getattr(self, f"_run_{step.kind.lower()}")(step)
        except StepFailed as failure:
            reason = str(failure)
        self.ends[step.name] = BROKEN if reason else DONE
        self._pipelines.step(self._execution, step.name, self.ends[step.name], reason)

    def _finish(self) -> str:
        broken = [name for name, end in self.ends.items() if end == BROKEN]
        after_all = any(
            trigger != "Completed" and self.ends.get(name) == BROKEN
            for step in self._steps
            if step.name in self.ends
            for name, trigger in dependencies(step)
        )
        status = ("CompletedWithFailures" if after_all else "Failed") if broken else DONE
        self._pipelines.finish(self._execution, status)
        return status

    def _run_callback(self, step: Step) -> Any:
        url = step.body["SqsQueueUrl"]
        token = self._pipelines.callback(self._execution, step.name, url)
        message = {
            "token": token,
            "pipelineExecutionArn": self._execution,
            "arguments": self._value(step.arguments),
            "status": "Executing",
        }
        self._plane.part(Queues).deliver(url, json.dumps(message))
        self._wait(lambda: token in self._pipelines.answered)
        answer = self._pipelines.answered[token]
        if "FailureReason" in answer:
            raise StepFailed(answer["FailureReason"])
        outputs = answer.get("OutputParameters", [])
        return {"OutputParameters": {one["Name"]: one["Value"] for one in outputs}}

    def _run_processing(self, step: Step) -> Any:
        request = self._checked(step)
        module = request["AppSpecification"]["ContainerEntrypoint"][-1]
        (output,) = request["ProcessingOutputConfig"]["Outputs"]
        arguments = request["AppSpecification"]["ContainerArguments"]
        self._jobs[module](arguments, output["S3Output"]["S3Uri"])
        return request

    def _run_model(self, step: Step) -> Any:
        request = self._checked(step)
        request["ModelName"] += f"-{self._execution.rpartition('/')[2]}-{SUFFIX}"
        self._sagemaker.create_model(**request)
        return request

    def _run_endpointconfig(self, step: Step) -> Any:
        request = self._checked(step)
        self._sagemaker.create_endpoint_config(**request)
        return request

    def _run_endpoint(self, step: Step) -> Any:
        request = self._checked(step)
        self._sagemaker.create_endpoint(**request)
        name = request["EndpointName"]

        def state() -> Any:
            return self._sagemaker.describe_endpoint(EndpointName=name)

        self._wait(lambda: state()["EndpointStatus"] != "Creating")
        if state()["EndpointStatus"] != "InService":
            raise StepFailed(state().get("FailureReason", "the endpoint failed"))
        return request

    def _run_lambda(self, step: Step) -> Any:
        name = step.body["FunctionArn"].rpartition(":")[2]
        try:
            answer = self._functions[name](self._value(step.arguments))
        except Exception as error:  # as Lambda reports it
            raise StepFailed(f"{type(error).__name__}: {error}") from error
        declared = [one["OutputName"] for one in step.body["OutputParameters"]]
        missing = [one for one in declared if one not in answer]
        if missing:
            raise StepFailed(f"{name} answered without {', '.join(missing)}")
        return {"OutputParameters": {one: answer[one] for one in declared}}

    def _run_condition(self, step: Step) -> Any:
        (condition,) = step.arguments["Conditions"]
        left, right = self._value(condition["LeftValue"]), self._value(condition["RightValue"])
        return BRANCHES[0] if left == right else BRANCHES[1]

    def _run_fail(self, step: Step) -> Any:
        raise StepFailed(self._value(step.arguments["ErrorMessage"]))

    def _checked(self, step: Step) -> dict[str, Any]:
        """The request that a native step makes, refused where the service would refuse it."""
        request: dict[str, Any] = self._value(step.arguments)
        found = list(check_arguments(step.kind, request, step.name))
        if found:
            raise StepFailed("; ".join(map(str, found)))
        return request

    def _value(self, value: Any) -> Any:
        if is_expression(value):
            return self._resolved(value)
        if isinstance(value, dict):
            return {key: self._value(one) for key, one in value.items()}
        return [self._value(one) for one in value] if isinstance(value, list) else value

    def _resolved(self, expression: dict[str, Any]) -> Any:
        if JOIN in expression:
            values = [str(self._value(one)) for one in expression[JOIN]["Values"]]
            return expression[JOIN]["On"].join(values)
        if JSON_GET in expression:
            return self._of_document(expression[JSON_GET])
        room, _, rest = expression[GET].partition(".")
        if room == "Parameters":
            return self._parameter(rest)
        if room == "Execution":
            arn = self._execution
            return arn if rest == "PipelineExecutionArn" else arn.rpartition("/")[2]
        return _at(self._outcomes, rest)

    def _parameter(self, name: str) -> Any:
        declared = next(one for one in self._definition["Parameters"] if one["Name"] == name)
        given = self._pipelines.executions[self._execution]["parameters"]
        value = given.get(name, declared.get("DefaultValue"))
        return int(value) if declared["Type"] == "Integer" else value

    def _of_document(self, body: dict[str, Any]) -> Any:
        _, name, _, file = body["PropertyFile"][GET].split(".")
        step = next(one for one in self._steps if one.name == name)
        path = next(
            one["FilePath"] for one in step.body["PropertyFiles"] if one["PropertyFileName"] == file
        )
        (output,) = self._outcomes[name]["ProcessingOutputConfig"]["Outputs"]
        bucket, _, prefix = output["S3Output"]["S3Uri"].removeprefix("s3://").partition("/")
        return _at(json.loads(self._plane.part(S3).objects[bucket, prefix + path]), body["Path"])

    def _wait(self, is_done: Callable[[], bool]) -> None:
        for _ in range(int(LONGEST_WAIT_S / LOOK_S)):
            if is_done():
                return
            self._plane.advance(LOOK_S)
        raise StepFailed("it took too long")


def _at(value: Any, path: str) -> Any:
    for part in parts(path) or []:
        value = value[part[0] if isinstance(part, tuple) else part]
    return value
