"""Pack into S3, check there, damage it, check again: the command against an S3 of this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.main import main
from tests.support.aws_local import AwsLocal, aws_local
from tests.unit.pipelines.model.artifacts import plain


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsLocal]:
    with aws_local() as local:
        yield local


@pytest.fixture
def bucket(aws: AwsLocal, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket that the command finds by the environment alone."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": aws.region,
    }.items():
        monkeypatch.setenv(name, value)
    return aws.bucket("models")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = plain(tmp_path / "model")
    (folder / "code").mkdir()
    (folder / "code" / "inference.py").write_text("def model_fn(model_dir): ...")
    return folder


def run(*arguments: object) -> int:
    action, *rest = map(str, arguments)
    return main(["model", action, "--no-engine", *rest])


def keys(aws: AwsLocal, bucket: str) -> list[str]:
    page = aws.client("s3").list_objects_v2(Bucket=bucket)
    return [entry["Key"] for entry in page.get("Contents", [])]


def test_a_prefix(
    aws: AwsLocal, bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{bucket}/chat/1"
    assert run("pack", model, "--output", place) == 0
    assert "chat/1/code/inference.py" in keys(aws, bucket)
    assert not any(key.endswith("/") for key in keys(aws, bucket))
    capsys.readouterr()
    assert run("check", place) == 0
    out = capsys.readouterr().out
    assert "5 files are as manifest.json lists them" in out
    assert f"manifest: {place}/manifest.json" in out

    stored = aws.client("s3").get_object(Bucket=bucket, Key="chat/1/manifest.json")["Body"].read()
    assert run("pack", model, "--output", model.parent / "here") == 0
    assert stored == (model.parent / "here" / "manifest.json").read_bytes()


def test_a_changed_object_breaks_the_seal(
    aws: AwsLocal, bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{bucket}/chat/1/"
    run("pack", model, "--output", place)
    aws.client("s3").put_object(Bucket=bucket, Key="chat/1/code/inference.py", Body=b"model_fn = 1")
    assert run("check", place) == 1
    assert "code/inference.py was changed" in capsys.readouterr().out


def test_an_empty_folder_object_is_refused(
    aws: AwsLocal, bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("pack", model, "--output", f"s3://{bucket}/chat/1")
    aws.client("s3").put_object(Bucket=bucket, Key="chat/1/code/", Body=b"")
    assert run("check", f"s3://{bucket}/chat/1") == 1
    assert "an empty object that stands for a folder" in capsys.readouterr().out


def test_an_archive(
    aws: AwsLocal, bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{bucket}/chat/model.tar.gz"
    assert run("pack", model, "--output", place) == 0
    assert keys(aws, bucket) == ["chat/model.tar.gz"]
    capsys.readouterr()
    assert run("check", place, "--json") == 0
    assert json.loads(capsys.readouterr().out)["accepted"] is True


def test_taken_places_and_missing_buckets(
    bucket: str, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = f"s3://{bucket}/chat/1"
    run("pack", model, "--output", place)
    assert run("pack", model, "--output", place) == 2
    assert "holds objects already" in capsys.readouterr().err
    assert run("check", "s3://no-such-bucket-anywhere/x") == 2
    assert "S3 answers NoSuchBucket" in capsys.readouterr().err
    assert run("check", f"s3://{bucket}/nothing") == 2
    assert "there is nothing at" in capsys.readouterr().err
