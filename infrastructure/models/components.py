"""Copies of the model on an endpoint's instances, down to none at all."""

from __future__ import annotations

from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infrastructure.models.capacity import Capacity
from infrastructure.models.hosted import Hosted
from infrastructure.models.scaling import Scaling, WakeFromZero
from infrastructure.settings import Stage
from pipelines.names import Names

GPUS = 1
"""The engine serves a copy on one GPU."""

HOST_MEMORY_MB = 4096
"""Reserved on the host for each copy; with no upper limit set, the GPUs decide how many fit."""

Component = sagemaker.CfnInferenceComponent


class Copies(Construct):
    """The inference component and its scaling.

    Attributes:
        name: what callers say to reach it.
        arn: of the component.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        name: str,
        hosted: Hosted,
        capacity: Capacity,
    ) -> None:
        super().__init__(scope, id)
        self._component = self._make(stage, name, hosted)
        self.name, self.arn = name, self._component.attr_inference_component_arn
        model = stage.model
        scaling = Scaling(
            self,
            "Scaling",
            of="copies",
            resource=f"inference-component/{name}",
            low=model.copies_min,
            high=model.copies_max,
            capacity=capacity,
        )
        scaling.target.add_resource_dependency(self._component)
        if model.scale_to_zero:
            WakeFromZero(self, "Wake", target=scaling.target, component=name)

    def _make(self, stage: Stage, name: str, hosted: Hosted) -> Component:
        return Component(
            self,
            "Component",
            inference_component_name=name,
            endpoint_name=hosted.endpoint.attr_endpoint_name,
            variant_name=Names(stage.prefix).variant,
            specification=Component.InferenceComponentSpecificationProperty(
                model_name=hosted.model.attr_model_name,
                compute_resource_requirements=_resources(),
                startup_parameters=Component.InferenceComponentStartupParametersProperty(
                    model_data_download_timeout_in_seconds=stage.model.startup_seconds,
                    container_startup_health_check_timeout_in_seconds=stage.model.startup_seconds,
                ),
            ),
            # One comes up at the first deployment even where none is kept: it shows that it does.
            runtime_config=Component.InferenceComponentRuntimeConfigProperty(
                copy_count=max(1, stage.model.copies_min)
            ),
        )


def _resources() -> Component.InferenceComponentComputeResourceRequirementsProperty:
    return Component.InferenceComponentComputeResourceRequirementsProperty(
        number_of_accelerator_devices_required=GPUS, min_memory_required_in_mb=HOST_MEMORY_MB
    )
