"""The template as a whole.

    bucket | queues | roles | functions | rules | image | registry

It is made for one deployment's names and settings, and for any account and region. The bucket comes
first, in a template of its own for the same stack: the functions' code must lie in it before there
can be functions.
"""

from __future__ import annotations

import json
from typing import Any

from pipelines.gates.limits import GateLimits
from pipelines.settings import DeploymentSettings
from pipelines.template.cloudformation import RETAINED, Resources, resource
from pipelines.template.functions import functions
from pipelines.template.image import image
from pipelines.template.queues import queues
from pipelines.template.roles import roles
from pipelines.template.rules import rules
from pipelines.template.storage import storage

FUNCTIONS_KEY = "FunctionsKey"


def template(settings: DeploymentSettings, gates: GateLimits | None = None) -> dict[str, Any]:
    """Everything but the pipeline itself, which `upsert` puts there.

    Args:
        settings: which deployment.
        gates: what its judge lets pass; None: the limits that hold when nothing is said.
    """
    names = settings.names
    resources: Resources = {
        **storage(settings),
        **queues(names),
        **roles(settings),
        **functions(settings, gates or GateLimits()),
        **rules(names),
        **image(names),
        "PackageGroup": _package_group(settings),
    }
    code = {"Type": "String", "Description": "Key of the functions' code in the bucket"}
    return {**_head(settings), "Parameters": {FUNCTIONS_KEY: code}, "Resources": resources}


def bucket_template(settings: DeploymentSettings) -> dict[str, Any]:
    """What the stack begins with: the bucket alone."""
    return {**_head(settings), "Resources": storage(settings)}


def as_text(made: dict[str, Any]) -> str:
    """A template as CloudFormation reads it; without spaces, since its size is limited."""
    return json.dumps(made, separators=(",", ":"))


def _head(settings: DeploymentSettings) -> dict[str, Any]:
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Keepwarm: what the pipeline {settings.names.pipeline} needs",
    }


def _package_group(settings: DeploymentSettings) -> dict[str, Any]:
    """The registry. Its versions are the record of what served, so the stack leaves it alone."""
    group = resource(
        "AWS::SageMaker::ModelPackageGroup",
        ModelPackageGroupName=settings.names.package_group,
        ModelPackageGroupDescription="Versions of the model that Keepwarm serves",
    )
    return {**group, **RETAINED}
