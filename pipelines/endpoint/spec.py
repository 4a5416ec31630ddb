"""What the endpoint should be for a version: requests as plain data, named by their content.

    version, settings -> plan -> model, config     keepwarm-v7-1f0c9a2b44

Two runs for the same version and settings make the same names, so nothing is made twice; another
setting makes another name, so nothing is changed in place.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.errors import DeployError
from pipelines.names import Names
from pipelines.plan.document import PlanDocument, parse
from pipelines.registry.interface import Version
from pipelines.registry.package import data_source
from pipelines.settings import DeploymentSettings

METRICS_PATH = "/metrics"
PUBLISH_S = 60
PREFIX_BYTES = 1024
"""PrefixLength: as long as the header that the orchestrator puts before every body."""
VERSION_TAG = "keepwarm:version"

Request = dict[str, Any]


@dataclass(frozen=True)
class Spec:
    """The endpoint of one version.

    Attributes:
        number: the version's.
        model: CreateModel's request.
        config: CreateEndpointConfig's request.
        scaling_target: concurrent requests an instance at which another one is started.
    """

    number: int
    model: Request
    config: Request
    scaling_target: int

    @property
    def config_name(self) -> str:
        """Name of the endpoint configuration."""
        return str(self.config["EndpointConfigName"])


def spec_of(version: Version, settings: DeploymentSettings, execution_role: str) -> Spec:
    """What serves a version.

    Raises:
        PlanError: the version's plan cannot be used.
        DeployError: it needs what an endpoint of one model cannot give.
        RegistryError: the plan cannot be read.
    """
    plan = _plan(version)
    model = _model(version, plan, execution_role)
    tags = [{"Key": VERSION_TAG, "Value": str(version.number)}]
    name = _named(settings.names, version.number, model)
    config = _config(settings, plan, name)
    return Spec(
        number=version.number,
        model={"ModelName": name, **model, "Tags": tags},
        config={
            "EndpointConfigName": _named(settings.names, version.number, config),
            **config,
            "Tags": tags,
        },
        scaling_target=plan.autoscaling_target,
    )


def version_of(names: Names, name: str) -> int | None:
    """The version's number in the name of a model or configuration; None: it is none of ours."""
    found = re.fullmatch(rf"{re.escape(names.prefix)}-v(\d+)-[0-9a-f]{{10}}", name)
    return int(found[1]) if found else None


def _named(names: Names, number: int, content: Request) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return f"{names.prefix}-v{number}-{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def _plan(version: Version) -> PlanDocument:
    name = f"the plan of version {version.number}"
    plan = parse(json.dumps(dict(version.candidate.plan)), name=name)
    if plan.copies > 1:
        raise DeployError(
            f"{name} has {plan.copies} copies of the model on a {plan.instance}, which need "
            "inference components: plan for a type with one GPU"
        )
    if _lacks(version.candidate.environment, plan.environment):
        raise DeployError(
            f"version {version.number} was registered with other limits than {name} has: "
            "register it again"
        )
    return plan


def _lacks(environment: Mapping[str, str], planned: Mapping[str, str]) -> bool:
    return any(environment.get(name) != value for name, value in planned.items())


def _model(version: Version, plan: PlanDocument, execution_role: str) -> Request:
    metrics = {
        "MetricsEndpointPath": METRICS_PATH,
        "MetricPublishFrequencyInSeconds": PUBLISH_S,
    }
    return {
        "PrimaryContainer": {
            "Image": version.candidate.image,
            "ModelDataSource": data_source(version.candidate.model_data),
            "Environment": {**plan.environment, **version.candidate.environment},
            "ContainerMetricsConfig": {"MetricsEndpoints": [metrics]},
        },
        "ExecutionRoleArn": execution_role,
        "EnableNetworkIsolation": True,
    }


def _config(settings: DeploymentSettings, plan: PlanDocument, model: str) -> Request:
    variant: Request = {
        "VariantName": settings.names.variant,
        "ModelName": model,
        "InstanceType": plan.instance,
        "InitialInstanceCount": settings.min_instances,
        "InitialVariantWeight": 1.0,
        "ModelDataDownloadTimeoutInSeconds": settings.download_timeout_s,
        "ContainerStartupHealthCheckTimeoutInSeconds": settings.startup_timeout_s,
        "RoutingConfig": _routing(settings, plan),
    }
    if plan.ami:
        variant["InferenceAmiVersion"] = plan.ami
    return {
        "ProductionVariants": [variant],
        "MetricsConfig": {
            "EnableEnhancedMetrics": True,
            "EnableDetailedObservability": True,
            "MetricPublishFrequencyInSeconds": PUBLISH_S,
        },
    }


def _routing(settings: DeploymentSettings, plan: PlanDocument) -> Request:
    """A conversation goes where its prefix is warm; with one instance there is no choice."""
    if settings.min_instances < 2:
        return {"RoutingStrategy": "LEAST_OUTSTANDING_REQUESTS"}
    return {
        "RoutingStrategy": "PREFIX_AWARE",
        "PrefixAwareRoutingConfig": {
            "PrefixLength": PREFIX_BYTES,
            "ConcurrencyThreshold": plan.prefix_aware_threshold,
        },
    }
