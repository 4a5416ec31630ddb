"""The real sources into an S3 of this machine, and what a processing job would get of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from container.image.bundle import make_bundle
from pipelines.publish import ROOT, gather, publish
from tests.support.aws_local import AwsLocal

RUNS_THERE = (
    "import pipelines, pipelines.plan.instances as tables;"
    "print(pipelines.__file__, len(tables.catalogue().instances) > 9)"
)


def test_what_is_published_is_a_package_that_a_step_can_run(aws: AwsLocal, tmp_path: Path) -> None:
    bucket = aws.bucket("publish")
    image = make_bundle()
    material = gather(image.content, image.fingerprint)
    told: list[int] = []
    sources = publish(aws, bucket, material, lambda path, done, total: told.append(done))
    assert told == list(range(len(material.code)))

    code = _downloaded(aws, sources.code, tmp_path / "code")
    ran = subprocess.run(
        [sys.executable, "-P", "-c", RUNS_THERE],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{code}:{ROOT}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.split() == [f"{code}/pipelines/__init__.py", "True"]


def test_publishing_twice_leaves_every_object_as_it_was(aws: AwsLocal) -> None:
    bucket = aws.bucket("publish")
    image = make_bundle()
    material = gather(image.content, image.fingerprint)
    first = publish(aws, bucket, material)
    before = _stored(aws, bucket)
    assert publish(aws, bucket, material) == first
    assert _stored(aws, bucket) == before


def _stored(aws: AwsLocal, bucket: str) -> dict[str, object]:
    pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket)
    return {
        entry["Key"]: (entry["ETag"], entry["LastModified"])
        for page in pages
        for entry in page["Contents"]
    }


def _downloaded(aws: AwsLocal, place: str, folder: Path) -> Path:
    bucket, _, prefix = place.removeprefix("s3://").partition("/")
    client = aws.client("s3")
    for key in _stored(aws, bucket):
        if key.startswith(prefix):
            path = folder / key.removeprefix(prefix)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(client.get_object(Bucket=bucket, Key=key)["Body"].read())
    return folder
