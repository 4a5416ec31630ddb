"""The endpoint as everybody else sees it: a name, whoever made it."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.errors import SynthesisError
from infrastructure.models.capacity import Capacity, model_capacity
from infrastructure.models.components import Copies
from infrastructure.models.grants import arn, endpoint_name
from infrastructure.models.hosted import Hosted
from infrastructure.models.roles import ExecutionRole
from infrastructure.models.scaling import Scaling
from infrastructure.network.security import SecurityGroups
from infrastructure.settings import Stage
from pipelines.names import Names


class ModelEndpoint(Construct):
    """An endpoint that exists (then nothing is made), one with one model, or one of components.

    Attributes:
        name: of the endpoint.
        arn: of the endpoint.
        variant: its one production variant.
        component: the inference component that is called; empty: there is none.
        component_arn: its ARN; empty: there is none.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        key: kms.IKey,
        vpc: ec2.IVpc,
        security: SecurityGroups,
    ) -> None:
        super().__init__(scope, id)
        self._stage = stage
        self.name = endpoint_name(stage)
        # SageMaker writes ARNs in lower case, whatever the name's is.
        self.arn = arn(stage, "sagemaker", f"endpoint/{self.name.lower()}")
        self.variant = Names(stage.prefix).variant
        self.component, self.component_arn = "", ""
        if stage.model.kind != "existing":
            self._make(key, vpc, security.model)

    def _make(self, key: kms.IKey, vpc: ec2.IVpc, group: ec2.ISecurityGroup | None) -> None:
        if group is None:
            raise SynthesisError("an endpoint of ours needs the security group of its instances")
        capacity = model_capacity(self._stage)
        role = ExecutionRole(self, "Role", stage=self._stage, key=key, vpc=vpc, group=group).role
        hosted = Hosted(
            self,
            "Hosted",
            stage=self._stage,
            name=self.name,
            capacity=capacity,
            key=key,
            vpc=vpc,
            group=group,
            role=role,
        )
        if self._stage.model.kind == "components":
            self._add_copies(hosted, capacity)
        else:
            self._scale_instances(hosted, capacity)

    def _add_copies(self, hosted: Hosted, capacity: Capacity) -> None:
        name = f"{self.name}-{self.variant}"
        copies = Copies(
            self, "Copies", stage=self._stage, name=name, hosted=hosted, capacity=capacity
        )
        self.component, self.component_arn = copies.name, copies.arn

    def _scale_instances(self, hosted: Hosted, capacity: Capacity) -> None:
        """With as many at least as at most there is nothing to scale."""
        model = self._stage.model
        if model.min_instances == model.max_instances:
            return
        scaling = Scaling(
            self,
            "Scaling",
            of="variant",
            resource=f"endpoint/{self.name}/variant/{self.variant}",
            low=model.min_instances,
            high=model.max_instances,
            capacity=capacity,
        )
        scaling.target.add_resource_dependency(hosted.endpoint)
