"""The app: every stack of one stage, wired. Importing this starts the CDK's Node process."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infrastructure.network.vpc import zone_context
from infrastructure.settings import Stage
from infrastructure.stacks.chat import ChatStack
from infrastructure.stacks.data import DataStack
from infrastructure.stacks.edge import EdgeStack
from infrastructure.stacks.firewall import FirewallStack
from infrastructure.stacks.keys import KeysStack
from infrastructure.stacks.models import Backends
from infrastructure.stacks.network import NetworkStack
from infrastructure.stacks.watch import WatchStack

# What later versions of the CDK do by themselves, and this one only when asked.
FLAGS = {
    "@aws-cdk/aws-apigateway:authorizerChangeDeploymentLogicalId": True,
    "@aws-cdk/aws-autoscaling:generateLaunchTemplateInsteadOfLaunchConfig": True,
    "@aws-cdk/aws-iam:minimizePolicies": True,
    "@aws-cdk/aws-s3:createDefaultLoggingPolicy": True,
    "@aws-cdk/aws-s3:serverAccessLogsUseBucketPolicy": True,
    "@aws-cdk/core:defaultCrossStackReferences": "strong",
    "@aws-cdk/core:enablePartitionLiterals": True,
    "@aws-cdk/core:validateAgainstDefaultRules": True,
    "@aws-cdk/customresources:installLatestAwsSdkDefault": False,
    "aws:cdk:enable-path-metadata": True,
}


def build_app(
    stage: Stage, *, output: Path | None = None, context: Mapping[str, Any] | None = None
) -> cdk.App:
    """The stage's app, not yet synthesised.

    Args:
        stage: what to build.
        output: folder of the cloud assembly; the CDK's own choice when None.
        context: `package=real` puts the function's dependencies and the page in, for a deployment.
    """
    app = cdk.App(
        outdir=str(output) if output else None,
        analytics_reporting=False,
        context={**FLAGS, **zone_context(stage), **(context or {})},
    )
    _wire(app, stage)
    for key, value in stage.tags.items():
        cdk.Tags.of(app).add(key, value)
    return app


def _wire(app: cdk.App, stage: Stage) -> None:
    """The stacks in the order in which they are deployed; each knows those before it alone."""
    outside = FirewallStack(app, stage=stage)
    key = KeysStack(app, stage=stage).data
    network = NetworkStack(app, stage=stage, key=key)
    data = DataStack(app, stage=stage, network=network, key=key)
    models = Backends(app, stage=stage, network=network, key=key)
    chat = ChatStack(app, stage=stage, network=network, data=data, models=models, key=key)
    EdgeStack(
        app,
        stage=stage,
        network=network,
        api=chat.api,
        sign_in=chat.sign_in,
        firewall_arn=outside.firewall.arn,
        certificate=outside.certificate,
    )
    WatchStack(app, stage=stage, chat=chat, models=models, key=key)
