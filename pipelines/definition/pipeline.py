"""The pipeline in the account: put there, started, and what serves now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from pipelines.aws import Clients, is_missing, told
from pipelines.definition.parameters import checked
from pipelines.definition.render import partition_of
from pipelines.errors import DeployError, SettingsError
from pipelines.names import Names
from pipelines.settings import DeploymentSettings

S3 = "s3://"
DIGEST = "@sha256:"
ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip")


def upsert(clients: Clients, settings: DeploymentSettings, definition: Mapping[str, Any]) -> str:
    """Create the pipeline, or give it another definition: `created`, `updated` or `unchanged`.

    Raises:
        DeployError: AWS refused it.
    """
    name = settings.names.pipeline
    client = clients.client("sagemaker")
    wanted = {
        "PipelineDefinition": json.dumps(definition, separators=(",", ":"), sort_keys=True),
        "RoleArn": _role(settings),
    }
    with told(f"pipeline {name}", DeployError):
        found = _describe(client, name)
        if found is None:
            client.create_pipeline(PipelineName=name, **wanted)
            return "created"
        if all(found.get(key) == value for key, value in wanted.items()):
            return "unchanged"
        client.update_pipeline(PipelineName=name, **wanted)
        return "updated"


def start(clients: Clients, settings: DeploymentSettings, values: Mapping[str, str]) -> str:
    """Start an execution with these parameters; its ARN.

    Raises:
        SettingsError: a parameter is not known, or its value cannot be.
        DeployError: there is no pipeline, or AWS refused to start it.
    """
    name = settings.names.pipeline
    given = [{"Name": one, "Value": value} for one, value in checked(values).items()]
    client = clients.client("sagemaker")
    with told(f"pipeline {name}", DeployError):
        try:
            made = client.start_pipeline_execution(PipelineName=name, PipelineParameters=given)
        except ClientError as error:
            if not is_missing(error):
                raise
            why = f"there is no pipeline {name} in {settings.region}: run `keepwarm pipeline setup`"
            raise DeployError(why) from error
    return str(made["PipelineExecutionArn"])


def weights_place(url: str, settings: DeploymentSettings) -> str:
    """A prefix of S3 as the pipeline takes it, with the slash that ends it.

    Raises:
        SettingsError: it is no prefix; archives are refused, since SageMaker would have to unpack
            them on every instance that starts. Or it lies where the roles may not read.
    """
    bucket = url.removeprefix(S3).partition("/")[0]
    if not url.startswith(S3) or not bucket:
        raise SettingsError(f"{url!r} is not of the form s3://bucket/prefix")
    if url.lower().endswith(ARCHIVES):
        raise SettingsError(
            f"{url} is an archive: lay the model out as a prefix, "
            "`keepwarm model pack PATH --output s3://bucket/prefix`"
        )
    if bucket != settings.bucket and not bucket.startswith(f"{settings.name}-"):
        raise SettingsError(
            f"the pipeline's roles may not read the bucket {bucket}: lay the model out in the "
            f"deployment's own, or in one whose name begins with {settings.name}-"
        )
    return url.rstrip("/") + "/"


def serving_image(clients: Clients, names: Names) -> str:
    """The image of the version that serves, by its digest.

    Raises:
        DeployError: nothing serves yet, or what serves was not deployed from here.
    """
    client = clients.client("sagemaker")
    with told(f"endpoint {names.endpoint}", DeployError):
        try:
            endpoint = client.describe_endpoint(EndpointName=names.endpoint)
        except ClientError as error:
            if not is_missing(error):
                raise
            raise DeployError(_nothing_serves(names)) from error
        # An endpoint that was never in service has a configuration all the same.
        if endpoint["EndpointStatus"] in ("Creating", "Failed", "Deleting"):
            raise DeployError(_nothing_serves(names))
        config = client.describe_endpoint_config(EndpointConfigName=endpoint["EndpointConfigName"])
        model = config["ProductionVariants"][0].get("ModelName")
        image = client.describe_model(ModelName=model)["PrimaryContainer"]["Image"] if model else ""
    if DIGEST not in image:
        raise DeployError(
            f"endpoint {names.endpoint} serves an image without a digest ({image or 'none'}): "
            "name one, `keepwarm pipeline start --image REPOSITORY@sha256:...`"
        )
    return str(image)


def _nothing_serves(names: Names) -> str:
    return (
        f"nothing serves at {names.endpoint} yet, so there is no image to keep: "
        "run `keepwarm pipeline start --weights ...`, which builds one"
    )


def _describe(client: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.describe_pipeline(PipelineName=name)
    except ClientError as error:
        if is_missing(error):
            return None
        raise
    return found


def _role(settings: DeploymentSettings) -> str:
    partition, _ = partition_of(settings.region)
    return f"arn:{partition}:iam::{settings.account}:role/{settings.names.role('pipeline')}"
