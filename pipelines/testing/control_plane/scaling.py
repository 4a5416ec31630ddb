"""Application Auto Scaling, as far as endpoint variants go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipelines.testing.control_plane.named import invalid
from pipelines.testing.control_plane.part import Answer, ApiError, Parameters, Part, page


class Scaling(Part):
    """RegisterScalableTarget, PutScalingPolicy and their kin.

    Attributes:
        targets: by resource id.
        policies: by resource id and name.
    """

    service = "application-autoscaling"

    def __init__(self, plane: Any) -> None:
        super().__init__(plane)
        self.targets: dict[str, Answer] = {}
        self.policies: dict[tuple[str, str], Answer] = {}

    def resources(self) -> Iterable[str]:
        yield from (f"scalable-target/{name}" for name in self.targets)
        yield from (f"scaling-policy/{name}" for _, name in self.policies)

    def register_scalable_target(self, parameters: Parameters) -> Answer:
        resource = parameters["ResourceId"]
        before = self.targets.get(resource, {})
        self.targets[resource] = {
            "RoleARN": f"{self.plane.arn('iam', 'role/aws-service-role')}/autoscaling",
            "CreationTime": self.now,
            **before,
            **parameters,
        }
        return {"ScalableTargetARN": self.arn(f"scalable-target/{resource}")}

    def describe_scalable_targets(self, parameters: Parameters) -> Answer:
        wanted = parameters.get("ResourceIds")
        found = [one for name, one in self.targets.items() if wanted is None or name in wanted]
        return page(found, parameters, "ScalableTargets", default=50)

    def deregister_scalable_target(self, parameters: Parameters) -> Answer:
        resource = parameters["ResourceId"]
        if resource not in self.targets:
            raise _missing(f"No scalable target registered for {resource}")
        self._drop(resource)
        return {}

    def put_scaling_policy(self, parameters: Parameters) -> Answer:
        resource, name = parameters["ResourceId"], parameters["PolicyName"]
        if resource not in self.targets:
            raise _missing(f"No scalable target registered for {resource}")
        arn = self.arn(f"scalingPolicy:1:resource/sagemaker/{resource}:policyName/{name}")
        self.policies[resource, name] = {**parameters, "PolicyARN": arn, "CreationTime": self.now}
        return {"PolicyARN": arn, "Alarms": []}

    def describe_scaling_policies(self, parameters: Parameters) -> Answer:
        wanted = parameters.get("ResourceId")
        found = [policy for (name, _), policy in self.policies.items() if wanted in (None, name)]
        return page(found, parameters, "ScalingPolicies", default=50)

    def forget(self, endpoint: str) -> None:
        """Drop what belongs to an endpoint that is deleted."""
        for resource in [one for one in self.targets if one.startswith(f"endpoint/{endpoint}/")]:
            self._drop(resource)

    def allow_update(self, endpoint: Answer, before: Answer, after: Answer) -> None:
        """Refuse an update that changes the instance type of a variant that is scaled."""
        old, new = before["ProductionVariants"][0], after["ProductionVariants"][0]
        scaled = f"endpoint/{endpoint['EndpointName']}/variant/{old['VariantName']}" in self.targets
        if scaled and old["InstanceType"] != new["InstanceType"]:
            raise invalid(
                f"The variant(s) [{old['VariantName']}] must be deregistered as scalable targets "
                "with AWS Auto Scaling before they can be removed or have their instance type "
                "changed."
            )

    def _drop(self, resource: str) -> None:
        del self.targets[resource]
        for key in [key for key in self.policies if key[0] == resource]:
            del self.policies[key]


def _missing(message: str) -> ApiError:
    return ApiError("ObjectNotFoundException", message)
