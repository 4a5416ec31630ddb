"""Where the model runs: the SageMaker endpoint, and the fleet beside it where there is one."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.fleet.group import FleetService
from infrastructure.models.endpoint import ModelEndpoint
from infrastructure.settings import Stage
from infrastructure.stacks.base import StageStack
from infrastructure.stacks.network import NetworkStack


class Backends:
    """The backends of the orchestrator, in a stack of their own.

    With an endpoint that exists and no fleet nothing is made, and CloudFormation refuses a stack of
    nothing: then there is none.

    Attributes:
        endpoint: the SageMaker endpoint, whoever made it.
        fleet: None where the stage has none.
    """

    def __init__(
        self, scope: Construct, *, stage: Stage, network: NetworkStack, key: kms.IKey
    ) -> None:
        home: Construct = network
        if stage.fleet.enabled or stage.model.kind != "existing":
            about = "endpoint, fleet, their scaling"
            home = StageStack(scope, "models", stage=stage, about=about)
        vpc, security = network.vpc, network.security
        self.endpoint = ModelEndpoint(
            home, "Endpoint", stage=stage, key=key, vpc=vpc, security=security
        )
        self.fleet: FleetService | None = None
        if stage.fleet.enabled:
            self.fleet = FleetService(
                home, "Fleet", stage=stage, key=key, vpc=vpc, security=security
            )
