"""S3 as a source and a target, against stubbed answers."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ProfileNotFound,
)
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from pipelines.errors import ArtifactError
from pipelines.model import s3
from pipelines.model.pack import pack
from pipelines.model.scan import scan


@pytest.fixture
def client() -> Any:
    return boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def body(content: bytes) -> dict[str, Any]:
    return {"Body": StreamingBody(io.BytesIO(content), len(content)), "ContentLength": len(content)}


def listing(*names: str) -> dict[str, Any]:
    return {
        "IsTruncated": False,
        "Contents": [{"Key": f"models/x/{name}", "Size": 0 if not name else 2} for name in names],
    }


@pytest.mark.parametrize(
    ("url", "bucket", "key", "archive"),
    [
        ("s3://b/models/x", "b", "models/x/", False),
        ("s3://b/models/x/", "b", "models/x/", False),
        ("s3://b", "b", "", False),
        ("s3://b/x.tar.gz", "b", "x.tar.gz", True),
    ],
)
def test_places(url: str, bucket: str, key: str, archive: bool) -> None:
    place = s3.parse_place(url)
    assert (place.bucket, place.key, place.is_archive) == (bucket, key, archive)


@pytest.mark.parametrize("url", ["s3://", "s3:///key", "https://b/k", ""])
def test_no_places(url: str) -> None:
    with pytest.raises(ArtifactError, match="not of the form"):
        s3.parse_place(url)


def test_objects_below_a_prefix(client: Any, tmp_path: Path) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", listing("", "code/inference.py", "config.json"))
        stub.add_response(
            "get_object", body(b"ab"), {"Bucket": "b", "Key": "models/x/code/inference.py"}
        )
        stub.add_response("get_object", body(b"{}"), {"Bucket": "b", "Key": "models/x/config.json"})
        inventory = scan(s3.s3_source(s3.parse_place("s3://b/models/x"), client), tmp_path)
    assert list(inventory.files) == ["code/inference.py", "config.json"]
    assert list(inventory.odd.values()) == ["it is an empty object that stands for a folder"]


def test_keys_that_lead_out_are_not_read(client: Any, tmp_path: Path) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", listing("../../etc/passwd", "/etc/passwd"))
        inventory = scan(s3.s3_source(s3.parse_place("s3://b/models/x"), client), tmp_path)
    assert inventory.files == {}
    assert len(inventory.odd) == 2


@pytest.mark.parametrize("code", ["AccessDenied", "NoSuchBucket"])
def test_what_s3_answers_is_told(client: Any, code: str) -> None:
    with Stubber(client) as stub:
        stub.add_client_error("list_objects_v2", code)
        with pytest.raises(ArtifactError, match=f"S3 answers {code} for s3://b/models/x/"):
            s3.s3_source(s3.parse_place("s3://b/models/x"), client)


def test_nothing_there(client: Any) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", {"IsTruncated": False})
        with pytest.raises(ArtifactError, match="there is nothing at"):
            s3.s3_source(s3.parse_place("s3://b/models/x"), client)


def test_a_broken_connection_is_told(client: Any, tmp_path: Path) -> None:
    broken = {"Body": StreamingBody(io.BytesIO(b"{"), 2), "ContentLength": 2}
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", listing("config.json"))
        stub.add_response("get_object", broken, {"Bucket": ANY, "Key": ANY})
        with pytest.raises(ArtifactError, match=r"cannot be reached|changed while"):
            scan(s3.s3_source(s3.parse_place("s3://b/models/x"), client), tmp_path)


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (
            NoCredentialsError(),
            "no AWS credentials were found for s3://b/x.tar.gz: set AWS_PROFILE",
        ),
        (ProfileNotFound(profile="mine"), r"not set up for s3://b/x.tar.gz: .*\(mine\)"),
        (ParamValidationError(report="bad"), "the bucket's name is not valid"),
        (EndpointConnectionError(endpoint_url="http://x"), "check network and AWS_ENDPOINT_URL"),
    ],
)
def test_what_keeps_from_s3_is_one_sentence(error: Exception, sentence: str) -> None:
    class Refusing:
        def head_object(self, **_: object) -> None:
            raise error

    with pytest.raises(ArtifactError, match=sentence):
        s3.s3_source(s3.S3Place("b", "x.tar.gz"), Refusing())


def test_without_a_network_the_answer_comes_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    assert s3.s3_client().meta.config.connect_timeout <= 5


def test_a_taken_prefix_is_left_alone(client: Any, tmp_path: Path) -> None:
    with Stubber(client) as stub:
        stub.add_response("list_objects_v2", listing("config.json"))
        with pytest.raises(ArtifactError, match="holds objects already"):
            pack(tmp_path, "s3://b/models/x", client=client)


def test_a_whole_bucket_is_no_place_to_pack_to(client: Any, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="name a prefix in it"):
        pack(tmp_path, "s3://b", client=client)
