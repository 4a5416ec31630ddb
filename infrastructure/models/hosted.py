"""Model, configuration and endpoint of our own, as SageMaker's resources.

    endpoint --- configuration --- model          one model on each instance, or
        `--- component ----------- model          copies of it, placed by SageMaker

Containers have no network (isolation), so that neither weights nor prompts can leave by it; the
weights arrive through the VPC's S3 endpoint and its policy. What goes in and out is never captured.
"""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infrastructure.models.capacity import Capacity
from infrastructure.models.observability import metrics_config
from infrastructure.network.vpc import PRIVATE
from infrastructure.settings import Stage
from pipelines.names import Names

Config = sagemaker.CfnEndpointConfig
Model = sagemaker.CfnModel


class Hosted(Construct):
    """The three resources; model and configuration are replaced, never changed.

    Attributes:
        model: image, weights, environment.
        config: its one variant.
        endpoint: takes over a new configuration beside the old one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stage: Stage,
        name: str,
        capacity: Capacity,
        key: kms.IKey,
        vpc: ec2.IVpc,
        group: ec2.ISecurityGroup,
        role: iam.IRole,
    ) -> None:
        super().__init__(scope, id)
        self._stage, self._capacity = stage, capacity
        self._role, self._key = role.role_arn, key.key_arn
        self._subnets = vpc.select_subnets(subnet_group_name=PRIVATE).subnet_ids
        self._groups = [group.security_group_id]
        self.model = self._model()
        self.config = self._config()
        self.endpoint = sagemaker.CfnEndpoint(
            self,
            "Endpoint",
            endpoint_name=name,
            endpoint_config_name=self.config.attr_endpoint_config_name,
            # How many instances there are is for scaling to say, also after an update.
            retain_all_variant_properties=True,
        )

    def _model(self) -> Model:
        return Model(
            self,
            "Model",
            execution_role_arn=self._role,
            enable_network_isolation=True,
            primary_container=self._container(),
            vpc_config=Model.VpcConfigProperty(
                subnets=self._subnets, security_group_ids=self._groups
            ),
        )

    def _container(self) -> Model.ContainerDefinitionProperty:
        """A registered package has its image, weights and environment; or those of the settings."""
        model = self._stage.model
        if model.package_arn:
            return Model.ContainerDefinitionProperty(model_package_name=model.package_arn)
        source = Model.S3DataSourceProperty(
            s3_uri=model.data_url.rstrip("/") + "/",
            s3_data_type="S3Prefix",
            compression_type="None",
        )
        return Model.ContainerDefinitionProperty(
            image=model.image_uri,
            model_data_source=Model.ModelDataSourceProperty(s3_data_source=source),
            environment=dict(self._capacity.environment),
        )

    def _config(self) -> Config:
        components = self._stage.model.kind == "components"
        network = Config.VpcConfigProperty(subnets=self._subnets, security_group_ids=self._groups)
        return Config(
            self,
            "Config",
            production_variants=[self._with_copies() if components else self._with_model()],
            kms_key_id=self._key,
            metrics_config=metrics_config(),
            # Copies run as the endpoint says, a model as it says itself.
            execution_role_arn=self._role if components else None,
            enable_network_isolation=True if components else None,
            vpc_config=network if components else None,
        )

    def _with_model(self) -> Config.ProductionVariantProperty:
        model = self._stage.model
        return Config.ProductionVariantProperty(
            variant_name=Names(self._stage.prefix).variant,
            model_name=self.model.attr_model_name,
            instance_type=model.instance_type,
            initial_instance_count=model.min_instances,
            initial_variant_weight=1,
            inference_ami_version=self._capacity.ami or model.inference_ami,
            model_data_download_timeout_in_seconds=model.startup_seconds,
            container_startup_health_check_timeout_in_seconds=model.startup_seconds,
            routing_config=routing(self._stage, self._capacity),
        )

    def _with_copies(self) -> Config.ProductionVariantProperty:
        """Instances come and go with the copies that SageMaker places on them."""
        model = self._stage.model
        return Config.ProductionVariantProperty(
            variant_name=Names(self._stage.prefix).variant,
            instance_type=model.instance_type,
            initial_instance_count=max(1, model.min_instances),
            inference_ami_version=self._capacity.ami or model.inference_ami,
            managed_instance_scaling=Config.ManagedInstanceScalingProperty(
                status="ENABLED",
                min_instance_count=model.min_instances,
                max_instance_count=model.max_instances,
            ),
            routing_config=routing(self._stage, self._capacity),
        )


def routing(stage: Stage, capacity: Capacity) -> Config.RoutingConfigProperty:
    """A conversation goes where its prefix is warm; with one instance there is no choice.

    SageMaker looks at the first PrefixLength bytes of the body, and at prefixes only while two or
    more instances can serve; with one it does as with the other strategy.
    """
    if stage.model.max_instances == 1:
        return Config.RoutingConfigProperty(routing_strategy="LEAST_OUTSTANDING_REQUESTS")
    return Config.RoutingConfigProperty(
        routing_strategy="PREFIX_AWARE",
        prefix_aware_routing_config=Config.PrefixAwareRoutingConfigProperty(
            prefix_length=stage.model.prefix_length,
            concurrency_threshold=capacity.threshold,
        ),
    )
