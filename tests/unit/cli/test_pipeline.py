"""`keepwarm pipeline ...` and `keepwarm swap` against the fake of AWS's control plane."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from cli import deployment, pipeline, pipeline_setup
from cli.errors import CliError
from container.image.bundle import make_bundle
from pipelines.definition import steps
from pipelines.definition.execution import POLL_S
from pipelines.publish import Material, gather
from pipelines.testing.control_plane import ControlPlane
from pipelines.testing.control_plane.pipelines import Pipelines
from pipelines.testing.control_plane.s3 import S3
from pipelines.testing.control_plane.stacks import Stacks
from tests.unit.pipelines.definition.test_pipeline import IMAGE, serve

BUCKET = "keepwarm-123456789012-us-east-1"
MATERIAL = Material({"pipelines/a.py": b""}, {"pipelines/a.py": b""}, b"a zip", "0123")
REAL_MATERIAL = pipeline_setup._material
WEIGHTS = ("--weights", "s3://keepwarm-models/chat/8")


@pytest.fixture
def plane(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ControlPlane:
    plane = ControlPlane()
    for module in (pipeline, pipeline_setup):
        monkeypatch.setattr(module, "clients_of", lambda settings: plane)
    monkeypatch.setattr(pipeline_setup, "_material", lambda: MATERIAL)
    monkeypatch.chdir(tmp_path)
    return plane


def run(action: str, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    pipeline.add_actions(parser)
    args = parser.parse_args([action, *arguments])
    code: int = args.command(args)
    return code


def swap(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    pipeline.add_swap_arguments(parser)
    return pipeline.swap(parser.parse_args(list(arguments)))


def ready(plane: ControlPlane) -> None:
    """An account in which `upsert` has run."""
    plane.part(S3).buckets.add(BUCKET)
    assert run("upsert") == 0


def parameters(plane: ControlPlane, execution: str) -> dict[str, str]:
    given = plane.client("sagemaker").list_pipeline_parameters_for_execution(
        PipelineExecutionArn=execution
    )
    return {one["Name"]: one["Value"] for one in given["PipelineParameters"]}


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().out.strip().splitlines()[-1]


def test_setup_makes_everything_and_again_changes_nothing(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("setup") == 0
    assert "pipeline keepwarm: created" in capsys.readouterr().out
    key = plane.part(Stacks).parameters("keepwarm-pipeline")["FunctionsKey"]
    assert (BUCKET, key) in plane.part(S3).objects
    assert run("setup") == 0
    assert capsys.readouterr().out.splitlines() == [
        "stack keepwarm-pipeline: unchanged",
        "pipeline keepwarm: unchanged",
    ]


def test_publish_says_what_the_template_is_to_be_told(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.part(S3).buckets.add(BUCKET)
    assert run("publish") == 0
    name, _, key = last_line(capsys).partition("=")
    assert name == "FunctionsKey"
    assert (BUCKET, key) in plane.part(S3).objects


def test_setup_that_broke_off_goes_on_the_next_time(plane: ControlPlane) -> None:
    plane.fail("s3", "PutObject", "InternalError")
    with pytest.raises(CliError, match="InternalError"):
        run("setup")
    assert run("setup") == 0


def test_upsert_asks_for_setup_s_bucket(plane: ControlPlane) -> None:
    with pytest.raises(CliError, match=f"s3://{BUCKET}: AWS answers NoSuchBucket"):
        run("upsert")


def test_the_definition_that_is_printed_is_the_one_that_is_put_there(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    ready(plane)
    capsys.readouterr()
    assert run("definition") == 0
    printed = json.loads(capsys.readouterr().out)
    found = plane.client("sagemaker").describe_pipeline(PipelineName="keepwarm")
    assert json.loads(found["PipelineDefinition"]) == printed


def test_what_is_published_is_this_checkout() -> None:
    image = make_bundle()
    assert REAL_MATERIAL() == gather(image.content, image.fingerprint)


def test_start_prints_the_execution(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    ready(plane)
    assert run("start", *WEIGHTS, "--set", "Approval=auto") == 0
    assert parameters(plane, last_line(capsys)) == {
        "WeightsUri": "s3://keepwarm-models/chat/8/",
        "Approval": "auto",
    }


def test_start_with_an_image(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    ready(plane)
    assert run("start", *WEIGHTS, "--image", IMAGE) == 0
    assert parameters(plane, last_line(capsys))["ImageUri"] == IMAGE


@pytest.mark.parametrize(
    ("arguments", "why", "code"),
    [
        (("--weights", "model/"), "not of the form s3://", 2),
        (("--weights", "s3://mine/8"), "the pipeline's roles may not read the bucket mine", 2),
        ((*WEIGHTS, "--set", "Approval"), "not of the form NAME=VALUE", 2),
        ((*WEIGHTS, "--set", "Colour=red"), "there is no parameter 'Colour'", 2),
        (WEIGHTS, "there is no pipeline keepwarm in us-east-1", 1),
    ],
)
def test_what_cannot_be_started_says_why(
    plane: ControlPlane, arguments: tuple[str, ...], why: str, code: int
) -> None:
    with pytest.raises(CliError, match=why) as refused:
        run("start", *arguments)
    assert refused.value.exit_code == code


def test_waiting_shows_the_steps_and_ends_with_1_unless_all_went_well(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ready(plane)
    scripts = iter([_fails, _succeeds])

    def sleep(seconds: float) -> None:
        assert seconds == POLL_S
        (execution,) = [
            arn
            for arn, one in plane.part(Pipelines).executions.items()
            if one["PipelineExecutionStatus"] == "Executing"
        ]
        next(scripts)(plane, execution)

    monkeypatch.setattr(pipeline, "sleep", sleep)
    assert run("start", *WEIGHTS, "--wait") == 1
    told = capsys.readouterr()
    assert "ValidateWeights: Failed\nValidateWeights: weights.bin is a pickle\n" in told.err
    assert told.out.endswith("Failed\n")
    assert run("start", *WEIGHTS, "--wait") == 0


def _fails(plane: ControlPlane, execution: str) -> None:
    plane.part(Pipelines).step(execution, steps.VALIDATE, "Failed", "weights.bin is a pickle")
    plane.part(Pipelines).finish(execution, "Failed")


def _succeeds(plane: ControlPlane, execution: str) -> None:
    plane.part(Pipelines).finish(execution)


def test_swap_keeps_the_image_that_serves(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    ready(plane)
    serve(plane)
    plane.advance(3600)
    assert swap(*WEIGHTS) == 0
    assert parameters(plane, last_line(capsys)) == {
        "WeightsUri": "s3://keepwarm-models/chat/8/",
        "ImageUri": IMAGE,
    }


def test_swap_before_anything_serves_is_refused_and_starts_nothing(plane: ControlPlane) -> None:
    ready(plane)
    with pytest.raises(CliError, match="nothing serves at keepwarm yet"):
        swap(*WEIGHTS)
    assert not plane.part(Pipelines).executions


def test_another_deployment_has_other_names(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str]
) -> None:
    plane.part(S3).buckets.add("try-2-123456789012-us-east-1")
    assert run("upsert", "--name", "try-2") == 0
    assert last_line(capsys) == "pipeline try-2: created"


def test_lint_needs_no_account(
    plane: ControlPlane, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with plane.watched() as calls:
        assert run("lint") == 0
    assert not calls
    assert capsys.readouterr().out == "mistakes: 0\n"
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"Version": "2020-12-01", "Steps": []}))
    assert run("lint", str(file)) == 1
    assert capsys.readouterr().out == "Steps: there is none\nmistakes: 1\n"


def test_a_file_that_is_no_definition(plane: ControlPlane, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text("[]")
    with pytest.raises(CliError, match="must hold a JSON object"):
        run("lint", str(file))


def test_the_template_is_printed(plane: ControlPlane, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("template", "--name", "try-2") == 0
    made: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert made["Resources"]["PackageGroup"]["Properties"]["ModelPackageGroupName"] == "try-2"
    assert run("template", "--bucket") == 0
    assert json.loads(capsys.readouterr().out)["Resources"].keys() == {"Bucket", "BucketPolicy"}


def test_an_account_that_cannot_be_asked_is_told(plane: ControlPlane) -> None:
    plane.fail("sts", "GetCallerIdentity", "ExpiredToken")
    with pytest.raises(CliError, match="the account: AWS answers ExpiredToken"):
        run("upsert")


def test_what_cannot_be_asked_for_is_refused_before_aws_is_asked(plane: ControlPlane) -> None:
    with plane.watched() as calls, pytest.raises(CliError, match="is an archive"):
        swap("--weights", "s3://keepwarm-models/chat.tar.gz")
    assert not calls


def test_settings_come_from_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[deployment]\nname = "mine"\ninstance = "ml.g5.2xlarge"\n')
    parser = argparse.ArgumentParser()
    deployment.add_settings_arguments(parser)
    settings = deployment.settings_of(parser.parse_args(["--settings", str(file)]))
    assert (settings.name, settings.instance) == ("mine", "ml.g5.2xlarge")
