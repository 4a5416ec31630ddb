"""SageMaker's endpoint configurations."""

from __future__ import annotations

from pipelines.testing.control_plane.models import Models
from pipelines.testing.control_plane.named import Named, invalid
from pipelines.testing.control_plane.part import Answer, Parameters


class EndpointConfigs(Named):
    """CreateEndpointConfig and its kin."""

    kind = "EndpointConfig"
    path = "endpoint-config"

    def create_endpoint_config(self, parameters: Parameters) -> Answer:
        models = self.plane.part(Models)
        for variant in parameters["ProductionVariants"]:
            if variant["ModelName"] not in models.items:
                raise invalid(f'Could not find model "{models.arn_of(variant["ModelName"])}".')
        return self.create(parameters)

    def describe_endpoint_config(self, parameters: Parameters) -> Answer:
        return self.find(parameters)

    def delete_endpoint_config(self, parameters: Parameters) -> Answer:
        return self.delete(parameters)

    def list_endpoint_configs(self, parameters: Parameters) -> Answer:
        return self.listed(parameters)

    def variant(self, config: str) -> Answer:
        """The first variant of a configuration."""
        found: Answer = self.items[config]["ProductionVariants"][0]
        return found
