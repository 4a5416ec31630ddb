"""SageMaker's models."""

from __future__ import annotations

from pipelines.testing.control_plane.named import Named
from pipelines.testing.control_plane.part import Answer, Parameters


class Models(Named):
    """CreateModel and its kin."""

    kind = "Model"
    path = "model"

    def create_model(self, parameters: Parameters) -> Answer:
        return self.create(parameters)

    def describe_model(self, parameters: Parameters) -> Answer:
        return self.find(parameters)

    def delete_model(self, parameters: Parameters) -> Answer:
        return self.delete(parameters)

    def list_models(self, parameters: Parameters) -> Answer:
        return self.listed(parameters)
