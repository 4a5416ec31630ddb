"""Writes what the stand-ins are made of: the data boxes' template, as far as it concerns them.

    python -m infrastructure.snapshot            # compares; exit code 1 where it is old
    python -m infrastructure.snapshot --write

The stage is called `local` and is deployed nowhere: the same boxes, with names of their own.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aws_cdk as cdk

from infrastructure.app import FLAGS
from infrastructure.definitions import SNAPSHOT
from infrastructure.network.vpc import zone_context
from infrastructure.settings import Edge, Model, SignIn, Stage
from infrastructure.stacks.data import DataStack
from infrastructure.stacks.keys import KeysStack
from infrastructure.stacks.network import NetworkStack

KEPT: Mapping[str, tuple[str, ...]] = {
    "AWS::DynamoDB::Table": (
        "TableName",
        "BillingMode",
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
        "StreamSpecification",
        "TimeToLiveSpecification",
    ),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::Kinesis::Stream": ("Name", "RetentionPeriodHours", "StreamModeDetails"),
    "AWS::ElastiCache::ParameterGroup": ("CacheParameterGroupFamily", "Properties"),
}
"""Stand-ins have no keys, roles, backups or networks; a bucket without a name is AWS's to use."""

_NAMES = ("TableName", "BucketName", "Name", "CacheParameterGroupFamily")


def local_stage() -> Stage:
    """The stage that is only ever a snapshot."""
    return Stage(
        name="local",
        account="000000000000",
        removal="destroy",
        edge=Edge(domain="chat.example.com", hosted_zone_id="Z0123456789EXAMPLE"),
        sign_in=SignIn(domain_prefix="keepwarm-local"),
        model=Model(endpoint_name="keepwarm"),
    )


def snapshot(stage: Stage) -> dict[str, Any]:
    """Resources of the stage's data boxes by logical id, with the properties of `KEPT`."""
    return reduced(_template(stage)["Resources"])


def reduced(resources: Mapping[str, Any]) -> dict[str, Any]:
    """Of a template's resources, what the stand-ins can be made of."""
    found = {}
    for name, resource in sorted(resources.items()):
        kept = KEPT.get(resource["Type"], ())
        properties = {
            key: resource["Properties"][key] for key in kept if key in resource["Properties"]
        }
        if any(key in properties for key in _NAMES):
            found[name] = {"Type": resource["Type"], "Properties": properties}
    return found


def rendered(stage: Stage) -> str:
    """The file as it should be."""
    return json.dumps(snapshot(stage), indent=2, sort_keys=True) + "\n"


def _template(stage: Stage) -> dict[str, Any]:
    """The data stack's, made as the app makes it."""
    with tempfile.TemporaryDirectory() as folder:
        context = {**FLAGS, **zone_context(stage)}
        app = cdk.App(outdir=folder, analytics_reporting=False, context=context)
        key = KeysStack(app, stage=stage).data
        network = NetworkStack(app, stage=stage, key=key)
        data = DataStack(app, stage=stage, network=network, key=key)
        app.synth()
        written = Path(folder) / data.template_file
        template: dict[str, Any] = json.loads(written.read_text(encoding="utf-8"))
        return template


def main(arguments: Sequence[str]) -> int:
    """Compare or write; the exit code."""
    text = rendered(local_stage())
    if "--write" in arguments:
        SNAPSHOT.write_text(text, encoding="utf-8")
        return 0
    if SNAPSHOT.is_file() and SNAPSHOT.read_text(encoding="utf-8") == text:
        return 0
    print(f"{SNAPSHOT} is old: python -m infrastructure.snapshot --write", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
