"""An account with the production endpoint's side of the pipeline: real functions on the fake."""

from __future__ import annotations

from typing import Any

from pipelines.endpoint.deployment import Deployment
from pipelines.functions import deploy, deploy_finished
from pipelines.registry.interface import Approval, Candidate, Version
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.alarms import Alarms
from pipelines.testing.control_plane.configs import EndpointConfigs
from pipelines.testing.control_plane.endpoints import Endpoints
from pipelines.testing.control_plane.packages import Packages
from pipelines.testing.control_plane.s3 import S3
from tests.support.plan_documents import plan_document

ACCOUNT = "123456789012"
BUCKET = "keepwarm-123456789012-us-east-1"
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/keepwarm@sha256:" + "c" * 64
OPERATOR = "operator"
LONG_S = 7200.0
"""Enough for everything that goes on by itself."""


class EndpointAccount:
    """What a test drives and looks at.

    Args:
        events: whether the functions hear of what happens.
        settings: of the deployment.
    """

    def __init__(self, *, events: bool = True, **settings: Any) -> None:
        self.plane = ControlPlane()
        self.settings = DeploymentSettings(**{"account": ACCOUNT, **settings})
        self.names = self.settings.names
        self.endpoints = self.plane.part(Endpoints)
        self.alarms = self.plane.part(Alarms)
        self.plane.part(S3).buckets.add(BUCKET)
        self.deployment = Deployment(self.plane.as_role(OPERATOR), self.settings)
        self.registry = self.deployment.registry
        if events:
            self.listen()

    def listen(self) -> None:
        """Connect the functions to the events, as the template does."""
        source = {"source": ["aws.sagemaker"]}
        package = {
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {
                "ModelPackageGroupName": [self.names.package_group],
                "ModelApprovalStatus": ["Approved"],
            },
        }
        endpoint = {
            "detail-type": ["SageMaker Endpoint State Change"],
            "detail": {"EndpointName": [self.names.endpoint]},
        }
        for module, pattern in ((deploy, package), (deploy_finished, endpoint)):
            role = module.__name__.rpartition(".")[2].replace("_", "-")
            self.plane.on_event(self._function(module, role), {**source, **pattern})

    def register(self, label: str = "a", *, approve: bool = False, blocks: int = 1040) -> Version:
        """A version whose weights are called by a label."""
        version = self.registry.register(candidate(label, blocks))
        return self.approve(version) if approve else version

    def approve(self, version: Version) -> Version:
        """What a person does in the console."""
        return self.registry.decide(version, Approval.APPROVED, "looks good")

    def serve(self, label: str = "a") -> Version:
        """A version that serves, and nothing goes on."""
        version = self.register(label, approve=True)
        self.settle()
        assert self.serving == version.number
        return version

    def settle(self, seconds: float = LONG_S) -> None:
        """Let time pass."""
        self.plane.advance(seconds)

    @property
    def endpoint(self) -> dict[str, Any]:
        """DescribeEndpoint's answer, without a call."""
        return self.endpoints.items[self.names.endpoint]

    @property
    def status(self) -> str:
        """The endpoint's status."""
        return str(self.endpoint["EndpointStatus"])

    @property
    def serving(self) -> int:
        """Number of the version that serves."""
        return int(self.endpoint["EndpointConfigName"].split("-")[1].removeprefix("v"))

    def model_of(self, version: Version) -> str:
        """The model that a version would be served by."""
        from pipelines.endpoint.spec import spec_of

        spec = spec_of(version, self.settings, self.deployment.execution_role)
        return str(spec.model["ModelName"])

    def approval_of(self, version: Version) -> Approval:
        """What was decided about it."""
        return Approval(self._package(version.number)["ModelApprovalStatus"])

    def reason_of(self, version: Version) -> str:
        """What was said when it was decided."""
        return str(self._package(version.number).get("ApprovalDescription", ""))

    def _package(self, number: int) -> dict[str, Any]:
        packages = self.plane.part(Packages).items.values()
        return next(one for one in packages if one["ModelPackageVersion"] == number)

    def count(self, operation: str) -> int:
        """How often something was called."""
        return sum(call.operation == operation for call in self.plane.calls)

    @property
    def pieces(self) -> set[str]:
        """What exists of the endpoint: no versions, no plans, no buckets."""
        kept = ("model-package", "bucket/", "object/")
        return {one for one in self.plane.resources() if not one.startswith(kept)}

    def expected_pieces(self) -> set[str]:
        """What an endpoint in service consists of, and nothing more."""
        config = self.endpoint["EndpointConfigName"]
        model = self.plane.part(EndpointConfigs).variant(config)["ModelName"]
        signals = ("errors", "first-token", "truncated", "preemptions")
        return {
            f"endpoint/{self.names.endpoint}",
            f"endpoint-config/{config}",
            f"model/{model}",
            f"scalable-target/endpoint/{self.names.endpoint}/variant/main",
            "scaling-policy/concurrent-requests",
            *(f"alarm/{self.names.alarm(signal)}" for signal in signals),
        }

    def _function(self, module: Any, role: str) -> Any:
        clients = self.plane.as_role(role)
        return lambda event: module.handle(event, clients, self.settings)


def candidate(label: str = "a", blocks: int = 1040) -> Candidate:
    """Weights that passed the gates."""
    plan = plan_document(blocks)
    return Candidate(
        image=IMAGE,
        model_data=f"s3://{BUCKET}/models/{label}/",
        model_sha256=(label.encode().hex() * 64)[:64],
        environment=plan["plans"][0]["environment"],
        plan=plan,
        metrics={"perplexity": 9.25, "ttft_p95_s": 0.4},
        card={"model_overview": {"model_creator": "us"}},
        properties={"results": f"s3://{BUCKET}/executions/{label}"},
    )
