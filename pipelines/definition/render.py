"""One deployment's own definition: the reviewed snapshot with its names, places and defaults.

    definition.json (${...} where deployments differ) + settings + sources -> definition

Nothing here needs the SageMaker SDK.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

from pipelines.definition import steps
from pipelines.definition.parameters import PARAMETERS
from pipelines.errors import SettingsError
from pipelines.settings import DeploymentSettings

SNAPSHOT = Path(__file__).with_name("definition.json")
AMI = "InferenceAmiVersion"
PARTITIONS = {"cn-": ("aws-cn", "amazonaws.com.cn"), "us-gov-": ("aws-us-gov", "amazonaws.com")}
FUNCTIONS = ("judge", "register", "teardown")
ROLES = ("execution", "steps")


@dataclass(frozen=True)
class Sources:
    """What an execution takes from the bucket, by its content.

    Attributes:
        code: prefix of the pipeline's own sources.
        functions: key of the archive of the Lambda functions.
        image: archive of what the image is built from.
        fingerprint: of the image that it makes.
    """

    code: str
    functions: str
    image: str
    fingerprint: str


def snapshot() -> dict[str, Any]:
    """The reviewed definition, as it lies in the package."""
    made: dict[str, Any] = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    return made


def render(settings: DeploymentSettings, sources: Sources) -> dict[str, Any]:
    """The definition of one deployment.

    Raises:
        SettingsError: the settings name no account.
    """
    if not settings.account:
        raise SettingsError("account is empty: a definition names the account that it runs in")
    made: dict[str, Any] = _filled(snapshot(), placeholders(settings))
    defaults = _defaults(settings, sources)
    for parameter in made["Parameters"]:
        if parameter["Name"] in defaults:
            parameter["DefaultValue"] = defaults[parameter["Name"]]
    return made if settings.ami else _on_cpu(made)


def bucket_name(settings: DeploymentSettings) -> str:
    """The bucket of a deployment."""
    return settings.bucket or f"{settings.name}-{settings.account}-{settings.region}"


def placeholders(settings: DeploymentSettings) -> dict[str, str]:
    """What stands for each `${name}` of the snapshot."""
    names = settings.names
    partition, suffix = partition_of(settings.region)
    return {
        "account": settings.account,
        "bucket": bucket_name(settings),
        "build_queue": names.build_queue,
        "dns_suffix": suffix,
        "package_group": names.package_group,
        "partition": partition,
        "pipeline": names.pipeline,
        "prefix": names.prefix,
        "region": settings.region,
        "staging_prefix": names.staging_endpoint("").rstrip("-"),
        "variant": names.variant,
        **{f"{task}_function": names.function(task) for task in FUNCTIONS},
        **{f"{part}_role": names.role(part) for part in ROLES},
    }


def partition_of(region: str) -> tuple[str, str]:
    """The partition of a region and the suffix of its host names."""
    for beginning, found in PARTITIONS.items():
        if region.startswith(beginning):
            return found
    return "aws", "amazonaws.com"


def _defaults(settings: DeploymentSettings, sources: Sources) -> dict[str, str | int]:
    found: dict[str, str | int] = {
        "CodeUri": sources.code,
        "ImageSource": sources.image,
        "Fingerprint": sources.fingerprint,
    }
    for one in PARAMETERS:
        if one.setting:
            value = getattr(settings, one.setting)
            found[one.name] = value if one.kind == "Integer" else str(value)
    return found


def _on_cpu(definition: dict[str, Any]) -> dict[str, Any]:
    """No driver to choose, since SageMaker refuses an empty choice; and the plan's share of memory.

    Only plans of instances without a GPU set that, so only their definitions may read it.
    """
    parameters = [one for one in definition["Parameters"] if one["Name"] != AMI]
    by_name = {step["Name"]: step["Arguments"] for step in definition["Steps"]}
    for variant in by_name[steps.CONFIG]["ProductionVariants"]:
        del variant[AMI]
    environment = by_name[steps.MODEL]["PrimaryContainer"]["Environment"]
    file = {"Get": f"Steps.{steps.VALIDATE}.PropertyFiles.{steps.PLAN_FILE}"}
    path = steps.plan_path(steps.CPU_PLAN_KEY)
    environment[steps.CPU_PLAN_KEY] = {"Std:JsonGet": {"PropertyFile": file, "Path": path}}
    return {**definition, "Parameters": parameters}


def _filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return Template(value).substitute(names)
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    return value
