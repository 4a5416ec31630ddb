"""Sources in the bucket, under names made of their content."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from pipelines.errors import ArtifactError, DocumentError
from pipelines.publish import (
    MARK,
    Material,
    content_hash,
    gather,
    publish,
    publish_template,
    zipped,
)
from pipelines.settings import DeploymentSettings
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.s3 import S3
from pipelines.vendored import SERVICES, boto3_files

BUCKET = "sources"
MATERIAL = Material(
    code={"pipelines/a.py": b"a = 1\n", "pipelines/b.toml": b""},
    functions={"pipelines/a.py": b"a = 1\n"},
    image=b"a zip",
    fingerprint="0123",
)
IMPORTS = """
import sys
sys.meta_path = [one for one in sys.meta_path if "editable" not in type(one).__module__.lower()]
sys.path = [path for path in sys.path if "site-packages" not in path]
sys.path.insert(0, sys.argv[1])
import importlib, os, boto3
assert boto3.__file__.startswith(sys.argv[1]), boto3.__file__
for name in sys.argv[2:]:
    made = importlib.import_module(name)
    assert made.__file__.startswith(sys.argv[1]), made.__file__
    assert callable(made.handler)
for service in os.environ["SERVICES"].split():
    boto3.client(service, region_name="us-east-1")
print(sorted({"torch", "numpy", "transformers", "rich", "sagemaker"} & sys.modules.keys()))
"""


@pytest.fixture
def plane() -> ControlPlane:
    plane = ControlPlane()
    plane.part(S3).buckets.add(BUCKET)
    return plane


def objects(plane: ControlPlane) -> dict[str, bytes]:
    return {key: content for (_, key), content in plane.part(S3).objects.items()}


def test_all_of_it_is_stored_where_it_is_said_to_be(plane: ControlPlane) -> None:
    sources = publish(plane, BUCKET, MATERIAL)
    stored = objects(plane)
    code = sources.code.removeprefix(f"s3://{BUCKET}/")
    assert stored[f"{code}pipelines/a.py"] == b"a = 1\n"
    assert f"{code}pipelines/b.toml" in stored
    assert zipfile.ZipFile(BytesIO(stored[sources.functions])).namelist() == ["pipelines/a.py"]
    assert stored["image-sources/0123.zip"] == b"a zip"
    assert sources.image == f"s3://{BUCKET}/image-sources/0123.zip"
    assert sources == MATERIAL.sources(BUCKET)


def test_the_same_again_stores_nothing(plane: ControlPlane) -> None:
    publish(plane, BUCKET, MATERIAL)
    with plane.watched() as calls:
        publish(plane, BUCKET, MATERIAL)
    assert {call.operation for call in calls} == {"ListObjectsV2"}


def test_what_broke_off_is_finished_the_next_time(plane: ControlPlane) -> None:
    plane.fail_call(2, "InternalError")
    with pytest.raises(ArtifactError, match="AWS answers InternalError"):
        publish(plane, BUCKET, MATERIAL)
    assert not any(key.endswith(MARK) for key in objects(plane))
    publish(plane, BUCKET, MATERIAL)
    assert len(objects(plane)) == 5
    assert any(key.endswith(MARK) for key in objects(plane))


def test_other_content_has_another_name_and_leaves_the_first_one_alone(plane: ControlPlane) -> None:
    first = publish(plane, BUCKET, MATERIAL)
    changed = Material({"pipelines/a.py": b"a = 2\n"}, MATERIAL.functions, b"a zip", "0123")
    second = publish(plane, BUCKET, changed)
    assert first.code != second.code
    assert first.functions == second.functions
    assert objects(plane)[f"{first.code.removeprefix(f's3://{BUCKET}/')}pipelines/a.py"]


def test_a_template_has_an_address_for_cloudformation(plane: ControlPlane) -> None:
    settings = DeploymentSettings(account="123456789012", bucket=BUCKET, region="eu-west-1")
    address = publish_template(plane, settings, "{}")
    host, _, key = address.removeprefix("https://").partition("/")
    assert host == "sources.s3.eu-west-1.amazonaws.com"
    assert objects(plane)[key] == b"{}"
    assert publish_template(plane, settings, "{}") == address


def test_a_bucket_that_is_not_there() -> None:
    with pytest.raises(ArtifactError, match="s3://nowhere: AWS answers NoSuchBucket"):
        publish(ControlPlane(), "nowhere", MATERIAL)


def test_the_hash_knows_paths_from_contents() -> None:
    assert content_hash({"a": b"b"}) != content_hash({"b": b"a"})
    assert content_hash({"a": b"1", "b": b"2"}) == content_hash({"b": b"2", "a": b"1"})


def test_a_zip_has_no_time() -> None:
    files = {"b.py": b"2", "a.py": b"1"}
    assert zipped(files) == zipped(dict(sorted(files.items())))


def test_a_folder_without_sources_is_told(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    with pytest.raises(DocumentError, match="there are no sources in"):
        gather(b"", "", tmp_path)


def test_the_steps_get_their_data_too_and_no_fakes() -> None:
    code = gather(b"", "").code
    assert {"pipelines/plan/instances.toml", "pipelines/definition/definition.json"} <= code.keys()
    assert not [path for path in code if "testing" in path or "__pycache__" in path]


def test_the_functions_bring_the_boto3_that_was_tested() -> None:
    files = boto3_files()
    data = [path.split("/") for path in files if path.startswith("botocore/data/")]
    services = {parts[2] for parts in data if len(parts) > 3}
    assert services == set(SERVICES)


def test_each_function_works_from_the_zip_alone(tmp_path: Path) -> None:
    """Without this project's folder, without installed packages, without torch or numpy."""
    path = tmp_path / "functions"
    zipfile.ZipFile(BytesIO(zipped(gather(b"", "").functions))).extractall(path)
    modules = [
        f"pipelines.functions.{one.stem}"
        for one in sorted((path / "pipelines" / "functions").glob("*.py"))
        if one.stem not in ("__init__", "runtime")
    ]
    ran = subprocess.run(
        [sys.executable, "-I", "-c", IMPORTS, str(path), *modules],
        cwd=tmp_path,
        env={"SERVICES": " ".join(SERVICES)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


def test_every_service_that_the_functions_ask_for_comes_along() -> None:
    """But AWS Signer, whose profile is made by `keepwarm pipeline setup`."""
    rooms = ("functions/", "endpoint/", "registry/", "image/")
    code = gather(b"", "").code
    asked = {
        service
        for path, content in code.items()
        if path.removeprefix("pipelines/").startswith((*rooms, "aws.py", "judging.py"))
        for service in re.findall(r'\.client\("([a-z0-9-]+)"\)', content.decode())
    }
    assert len(asked) > 4
    assert asked - {"signer"} <= set(SERVICES)
