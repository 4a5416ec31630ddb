"""An account with everything in it: pipeline, image building, judge, registry, endpoint, events.

Only what runs in containers is played: processing jobs leave the documents that a run would.
"""

from __future__ import annotations

import json
from typing import Any

from pipelines.definition.pipeline import start, upsert
from pipelines.documents import BENCHMARK, CHECK, EVALUATION, PLAN
from pipelines.endpoint.deployment import Deployment
from pipelines.functions import deploy, deploy_finished, judge, register, teardown
from pipelines.registry.interface import Approval, Version
from pipelines.testing.control_plane.alarms import Alarms
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.pipeline_run import PipelineRun
from tests.support.image_account import FINGERPRINT, SOURCE, ImageAccount
from tests.support.plan_documents import plan_document
from tests.support.policy_check import BUCKET
from tests.support.run_documents import run_documents
from tests.unit.pipelines.definition.planted import clean, settings

LONG_S = 7200.0


class WholeAccount(ImageAccount):
    """What a test drives and looks at; the settings are those of the definition's tests."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = settings()
        self.definition = clean()
        self.deployment = Deployment(self.plane.as_role("operator"), self.settings)
        self.endpoints = self.plane.part(Endpoints)
        self.alarms = self.plane.part(Alarms)
        self.plane.part(S3).buckets.add(BUCKET)
        upsert(self.plane.as_role("operator"), self.settings, self.definition)
        self._listen()

    def run(self, weights: str, **parameters: str) -> str:
        """Start the pipeline for weights of a name and let it run; how it ended."""
        given = {
            "WeightsUri": f"s3://{BUCKET}/models/{weights}/",
            "Fingerprint": FINGERPRINT,
            "ImageSource": SOURCE,
            **parameters,
        }
        execution = start(self.plane.as_role("operator"), self.settings, given)
        run = PipelineRun(self.plane, self.definition, self._functions(), self._jobs(weights))
        status = run.execute(execution)
        self.plane.advance(600)
        return status

    def approve(self, number: int) -> Version:
        """What a person does in the console."""
        registry = self.deployment.registry
        return registry.decide(registry.get(number), Approval.APPROVED, "looks good")

    def settle(self, seconds: float = LONG_S) -> None:
        """Let time pass."""
        self.plane.advance(seconds)

    @property
    def serving(self) -> int:
        """Number of the version that serves."""
        config = self.endpoints.items[self.names.endpoint]["EndpointConfigName"]
        return int(config.split("-")[1].removeprefix("v"))

    @property
    def pieces(self) -> set[str]:
        """What exists, but for what is meant to stay: versions, images, documents, the pipeline."""
        kept = ("model-package", "bucket/", "object/", "image/", "repository/", "pipeline/")
        return {one for one in self.plane.resources() if not one.startswith(kept)}

    def _listen(self) -> None:
        for task, module, kind in (
            ("deploy", deploy, "SageMaker Model Package State Change"),
            ("deploy-finished", deploy_finished, "SageMaker Endpoint State Change"),
            ("teardown", teardown, "SageMaker Model Building Pipeline Execution Status Change"),
        ):
            self.plane.on_event(self._function(task, module), {"detail-type": [kind]})

    def _function(self, task: str, module: Any) -> Any:
        clients = self.plane.as_role(task)
        more = {"sleep": self.plane.advance} if module is teardown else {}

        def call(event: dict[str, Any]) -> Any:
            if not self._concerns(task, event):
                return None
            return module.handle(event, clients, self.settings, **more)

        return call

    def _concerns(self, task: str, event: dict[str, Any]) -> bool:
        """What the rules of the template leave out."""
        detail = event.get("detail", {})
        if task == "deploy":
            return bool(detail["ModelApprovalStatus"] == "Approved")
        if task == "deploy-finished":
            return bool(detail["EndpointName"] == self.names.endpoint)
        return detail.get("currentPipelineExecutionStatus") not in ("Executing", "Stopping")

    def _functions(self) -> dict[str, Any]:
        modules = {"judge": judge, "register": register, "teardown": teardown}
        return {
            self.names.function(task): self._function(task, module)
            for task, module in modules.items()
        }

    def _jobs(self, weights: str) -> dict[str, Any]:
        made = run_documents()
        made[PLAN] = plan_document()
        made[CHECK]["sha256"] = (weights.encode().hex() * 64)[:64]
        jobs = {"validate": (CHECK, PLAN), "evaluate": (EVALUATION,), "benchmark": (BENCHMARK,)}

        def job(names: tuple[str, ...]) -> Any:
            def leave(arguments: list[str], results: str) -> None:
                for name in names:
                    self.plane.part(S3).put(results + name, json.dumps(made[name]))

            return leave

        return {f"pipelines.steps.{step}": job(names) for step, names in jobs.items()}
