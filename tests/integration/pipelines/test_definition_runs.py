"""The definition as SageMaker would run it: native steps on the fake account, real image building.

Judge and register are doubles here: this is about what the graph hands to whom, which step runs
after which end, and that staging is gone whatever the end was.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipelines.definition import steps
from pipelines.definition.pipeline import start, upsert
from pipelines.functions import teardown
from pipelines.template.rules import patterns
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.pipeline_run import SUFFIX, PipelineRun, StepFailed
from tests.support.image_account import FINGERPRINT, SOURCE, ImageAccount
from tests.support.policy_check import refused, used
from tests.unit.pipelines.definition.planted import clean, settings

WEIGHTS = "s3://models/chat/8/"
PLANNED = {
    "KEEPWARM_DTYPE": "bfloat16",
    "KEEPWARM_MAX_CONCURRENT": "64",
    "KEEPWARM_MAX_MODEL_LEN": "8192",
    "KEEPWARM_MAX_NUM_SEQS": "32",
    "KEEPWARM_MAX_WAITING": "32",
}
TRIAL = [
    steps.BUILD_IMAGE,
    steps.VALIDATE,
    steps.MODEL,
    steps.CONFIG,
    steps.ENDPOINT,
    steps.EVALUATE,
    steps.BENCHMARK,
]


class Account(ImageAccount):
    """An account with the pipeline in it, and doubles of the functions and jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.definition = clean()
        upsert(self.plane, settings(), self.definition)
        self.passes = True
        self.breaks = False
        self.refused: dict[str, str] = {}
        self.asked: dict[str, list[str]] = {}
        self.called: dict[str, dict[str, Any]] = {}
        self.torn_down: list[str] = []
        ends = ["Succeeded", "Failed", "Stopped", "CompletedWithFailures"]
        detail = {**patterns(self.names)["teardown"]["detail"]}
        detail |= {"pipelineArn": [self.pipeline_arn], "currentPipelineExecutionStatus": ends}
        self.plane.on_event(self._tear_down, {"detail": detail})

    def run(self, stop_after: str = "", **parameters: str) -> tuple[str, PipelineRun]:
        given = {
            "WeightsUri": WEIGHTS,
            "Fingerprint": FINGERPRINT,
            "ImageSource": SOURCE,
            **parameters,
        }
        self.execution = start(self.plane, settings(), given)
        if self.breaks:
            model = f"keepwarm-staging-{self.identity}-{SUFFIX}"
            self.plane.part(Endpoints).broken[model] = "the driver is too old"
        run = PipelineRun(self.plane, self.definition, self._functions(), self._jobs())
        return run.execute(self.execution, stop_after), run

    @property
    def pipeline_arn(self) -> str:
        found = self.plane.client("sagemaker").describe_pipeline(PipelineName=self.names.pipeline)
        return str(found["PipelineArn"])

    @property
    def left(self) -> set[str]:
        """What is left of staging, once everything has had its time."""
        self.plane.advance(3600)
        return {one for one in self.plane.resources() if "staging" in one}

    @property
    def identity(self) -> str:
        return self.execution.rpartition("/")[2]

    @property
    def staging(self) -> str:
        return settings().names.staging_endpoint(self.identity)

    def _functions(self) -> dict[str, Any]:
        return {
            "keepwarm-judge": lambda event: self._called("judge", event, self._verdict()),
            "keepwarm-register": lambda event: self._called(
                "register", event, {"Version": "1", "PackageArn": "arn:of:it"}
            ),
            "keepwarm-teardown": self._tear_down,
        }

    def _jobs(self) -> dict[str, Any]:
        def job(name: str) -> Any:
            return lambda arguments, results: self._job(name, arguments, results)

        return {f"pipelines.steps.{one}": job(one) for one in ("validate", "evaluate", "benchmark")}

    def _job(self, name: str, arguments: list[str], results: str) -> None:
        self.asked[name] = arguments
        if name in self.refused:
            raise StepFailed(self.refused[name])
        if name == "evaluate":
            self._look_at_staging()
        if name == "validate":
            plan = {"plans": [{"environment": PLANNED}]}
            self.plane.part(S3).put(f"{results}plan.json", json.dumps(plan))

    def _look_at_staging(self) -> None:
        sagemaker = self.plane.client("sagemaker")
        config = sagemaker.describe_endpoint_config(EndpointConfigName=self.staging)
        (self.variant,) = config["ProductionVariants"]
        self.model = sagemaker.describe_model(ModelName=self.variant["ModelName"])

    def _verdict(self) -> dict[str, str]:
        reasons = "" if self.passes else "perplexity is 9 % worse than that of version 3"
        passed = str(self.passes).lower()
        return {"passed": passed, "reasons": reasons, "gates": "s3://g", "report": "s3://r"}

    def _called(self, name: str, event: dict[str, Any], answer: dict[str, str]) -> dict[str, str]:
        self.called[name] = event
        return answer

    def _tear_down(self, event: dict[str, Any]) -> dict[str, Any]:
        clients = self.plane.as_role("teardown")
        answer = teardown.handle(event, clients, settings(), self.plane.advance)
        self.torn_down.append("event" if "detail" in event else "step")
        return answer


@pytest.fixture
def account() -> Account:
    return Account()


def test_a_candidate_that_passes_is_registered_and_staging_torn_down(account: Account) -> None:
    status, run = account.run()
    assert status == "Succeeded"
    assert set(run.ends) == {*TRIAL, steps.JUDGE, steps.GATE, steps.REGISTER, steps.TEARDOWN}
    identity = account.identity
    results = f"s3://keepwarm-123456789012-us-east-1/executions/{identity}/"
    assert account.called["register"] == {
        "ImageUri": account.built,
        "ModelData": WEIGHTS,
        "Results": results,
        "ExecutionId": identity,
        "ExecutionArn": account.execution,
        "Approval": "manual",
    }
    assert account.called["judge"] == {"results": results, "group": "keepwarm", "against": "latest"}
    assert account.left == set()
    assert account.torn_down == ["step", "event"]


def test_the_candidate_runs_with_the_limits_of_its_plan_in_the_image_that_was_built(
    account: Account,
) -> None:
    account.run()
    assert account.variant["InstanceType"] == "ml.g6e.2xlarge"
    assert account.variant["InferenceAmiVersion"] == "al2023-ami-sagemaker-inference-gpu-4-1"
    assert account.variant["ModelName"].startswith("keepwarm-staging-")
    container = account.model["PrimaryContainer"]
    assert container["Environment"] == PLANNED
    assert container["Image"] == account.built
    assert container["ModelDataSource"]["S3DataSource"]["S3Uri"] == WEIGHTS
    assert account.model["EnableNetworkIsolation"] is True


def test_the_steps_are_asked_for_what_was_asked_of_the_execution(account: Account) -> None:
    account.run(Context="4096", InstanceType="ml.g5.2xlarge")
    assert " ".join(account.asked["validate"]) == (
        f"--model /opt/ml/processing/model --name {WEIGHTS} --instance ml.g5.2xlarge "
        "--context 4096 --output /opt/ml/processing/output"
    )
    assert account.asked["evaluate"][:2] == ["--endpoint", account.staging]
    assert account.asked["benchmark"][2:4] == ["--place", "ml.g5.2xlarge"]


def test_an_image_that_is_given_is_not_built(account: Account) -> None:
    image = account.push()
    status, _ = account.run(ImageUri=image)
    assert status == "Succeeded"
    assert account.count("StartBuild") == 0
    assert account.called["register"]["ImageUri"] == image


def test_what_the_gates_refuse_is_not_registered_and_the_reasons_are_the_execution_s(
    account: Account,
) -> None:
    account.passes = False
    status, run = account.run()
    assert status == "Failed"
    assert steps.REGISTER not in run.ends
    reason = account.pipelines.steps[account.execution][steps.REJECTED]["FailureReason"]
    assert reason == (
        "The gates refuse this candidate: perplexity is 9 % worse than that of version 3"
    )
    assert run.ends[steps.TEARDOWN] == "Succeeded"


def test_weights_that_are_refused_never_reach_an_endpoint(account: Account) -> None:
    account.refused = {"validate": "weights.bin is a pickle"}
    status, run = account.run()
    assert status == "Failed"
    assert list(run.ends) == [steps.BUILD_IMAGE, steps.VALIDATE]
    assert account.count("CreateModel") == 0


@pytest.mark.parametrize(
    ("step", "end"), [("evaluate", "Failed"), ("benchmark", "CompletedWithFailures")]
)
def test_staging_is_torn_down_when_a_measurement_breaks(
    account: Account, step: str, end: str
) -> None:
    """After the last one the step does it; before, the event of the execution's end."""
    account.refused = {step: "the endpoint does not answer"}
    status, run = account.run()
    assert status == end
    assert account.left == set()
    assert (steps.TEARDOWN in run.ends) == (end == "CompletedWithFailures")
    assert not {steps.JUDGE, steps.GATE} & run.ends.keys()


def test_staging_is_torn_down_when_it_never_comes_up(account: Account) -> None:
    account.breaks = True
    status, run = account.run()
    assert status == "Failed"
    assert run.ends[steps.ENDPOINT] == "Failed"
    assert account.left == set()


def test_no_role_does_more_than_its_policy_allows(account: Account) -> None:
    account.run()
    assert account.left == set()
    assert refused(account.plane.calls) == set()
    assert "pipeline.SetUpStaging" in used(account.plane.calls), "the calls are looked at"


def test_an_execution_that_is_stopped_is_torn_down_by_its_event(account: Account) -> None:
    status, run = account.run(stop_after=steps.ENDPOINT)
    assert status == "Stopped"
    assert steps.TEARDOWN not in run.ends
    assert account.left == set()
    assert account.torn_down == ["event"]


@pytest.mark.parametrize("step", TRIAL)
def test_nothing_is_left_wherever_it_is_stopped(account: Account, step: str) -> None:
    account.run(stop_after=step)
    assert account.left == set()
