"""What CodeBuild runs: the true script, with `docker` and `aws` that work on the fake account."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.image import buildspec
from pipelines.testing.control_plane.ecr import digest_of
from pipelines.testing.control_plane.s3 import S3
from tests.support.aws_command import AwsCommand
from tests.support.image_account import FINGERPRINT, ImageAccount
from tests.support.stand_in_commands import StandInCommands

TAG = f"cu130-{FINGERPRINT}"
SBOM = '{"bomFormat": "CycloneDX"}\n'
BUCKET = "keepwarm-123456789012-us-east-1"
SBOM_KEY = f"image-sboms/{FINGERPRINT}.cdx.json"


class Machine:
    """A build machine: the script, its commands, its variables."""

    def __init__(self, folder: Path) -> None:
        self.account = ImageAccount()
        self.account.plane.part(S3).buckets.add(BUCKET)
        self.failing = ""
        self._folder = folder
        aws = AwsCommand(self.account.plane, "build")
        self.commands = StandInCommands(folder, {"aws": aws.run, "docker": self._docker})

    @property
    def project(self) -> dict[str, str]:
        """The variables that are the project's own."""
        return {
            "REPOSITORY_URI": self.account.uri,
            "SBOM_PREFIX": f"s3://{BUCKET}/image-sboms",
        }

    def run(self, **variables: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": f"{self.commands.folder}:{os.environ['PATH']}",
            "TMPDIR": str(self._folder),
            "CODEBUILD_BUILD_NUMBER": "7",
            **(variables or {**self.project, "IMAGE_TAG": TAG, "FINGERPRINT": FINGERPRINT}),
        }
        return subprocess.run(
            ["bash", str(buildspec.SCRIPT)],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def tags(self) -> dict[str, str]:
        """Digests by tag."""
        images = self.account.images.repositories[self.account.names.repository].values()
        return {tag: one.digest for one in images for tag in one.tags}

    @property
    def docker_runs(self) -> list[str]:
        """The docker commands that were given."""
        return [" ".join(one[1:]) for one in self.commands.asked if one[0] == "docker"]

    def _docker(self, arguments: list[str]) -> tuple[int, str]:
        if self.failing and self.failing in " ".join(arguments):
            return 1, "docker failed\n"
        if arguments[0] == "push":
            self.account.images.push(*arguments[1].partition("/")[2].split(":"))
        return 0, SBOM if arguments[-1] == "container.sbom" else ""


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    with made.commands:
        yield made


def test_the_image_gets_its_tag_and_no_other_stays(machine: Machine) -> None:
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert list(machine.tags) == [TAG]
    assert machine.tags[TAG] in done.stdout


def test_the_sbom_is_in_s3_and_beside_the_image(machine: Machine) -> None:
    machine.run()
    assert machine.account.plane.part(S3).objects[BUCKET, SBOM_KEY] == SBOM.encode()
    (referrer,) = machine.account.plane.client("ecr").list_image_referrers(
        repositoryName="keepwarm", subjectId={"imageDigest": machine.tags[TAG]}
    )["referrers"]
    assert referrer["artifactType"] == "application/vnd.cyclonedx+json"
    attached = machine.account.images.find("keepwarm", {"imageDigest": referrer["digest"]})
    (layer,) = json.loads(attached.manifest)["layers"]
    assert machine.account.images.layers[layer["digest"]] == SBOM.encode()
    assert layer["digest"] == digest_of(SBOM.encode())


def test_the_image_is_tried_before_it_is_pushed(machine: Machine) -> None:
    machine.run()
    runs = machine.docker_runs
    tried = next(n for n, one in enumerate(runs) if "import container.server, torch" in one)
    assert tried < next(n for n, one in enumerate(runs) if one.startswith("push"))


def test_the_build_is_told_what_it_is_built_of(machine: Machine) -> None:
    machine.run()
    (build,) = [one for one in machine.docker_runs if one.startswith("build")]
    assert f"--build-arg FINGERPRINT={FINGERPRINT}" in build
    assert "--platform linux/amd64" in build


def test_a_tag_that_is_there_needs_no_build(machine: Machine) -> None:
    machine.account.images.push("keepwarm", TAG)
    assert machine.run().returncode == 0
    assert machine.docker_runs == []


def test_another_build_may_have_been_quicker(machine: Machine) -> None:
    checked = machine.account.images.describe_images
    first = machine.account.images

    def describe(parameters: dict[str, object]) -> dict[str, object]:
        if "push" in " ".join(machine.docker_runs) and TAG not in machine.tags:
            first.push("keepwarm", TAG)
        return checked(parameters)

    first.describe_images = describe  # type: ignore[method-assign]
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert list(machine.tags) == [TAG]


@pytest.mark.parametrize(
    "failing", ["build", "import container.server", "container.sbom", "login", "push"]
)
def test_what_docker_cannot_do_fails_the_build_and_leaves_no_tag(
    machine: Machine, failing: str
) -> None:
    machine.failing = failing
    assert machine.run().returncode != 0
    assert machine.tags == {}


@pytest.mark.parametrize(
    ("service", "operation"),
    [
        ("sts", "GetCallerIdentity"),  # stands for the password
        ("ecr", "BatchGetImage"),
        ("s3", "PutObject"),
        ("ecr", "BatchCheckLayerAvailability"),
        ("ecr", "InitiateLayerUpload"),
        ("ecr", "UploadLayerPart"),
        ("ecr", "CompleteLayerUpload"),
        ("ecr", "PutImage"),
    ],
)
def test_what_aws_refuses_fails_the_build_and_the_next_one_succeeds(
    machine: Machine, service: str, operation: str
) -> None:
    machine.account.plane.fail(service, operation, "AccessDeniedException")
    assert machine.run().returncode != 0
    assert machine.tags == {}
    assert machine.run().returncode == 0
    assert list(machine.tags) == [TAG]


def test_a_request_reaches_the_script_and_its_image_the_step(machine: Machine) -> None:
    account = machine.account
    account.builds.make_project(account.names.build_project, **machine.project)
    account.builds.work = lambda told: "FAILED" if machine.run(**told).returncode else "SUCCEEDED"
    token = account.ask()
    account.settle()
    assert account.image_of(token) == account.built
    assert account.plane.part(S3).objects[BUCKET, SBOM_KEY] == SBOM.encode()


def test_the_project_in_the_template_has_the_scripts_variables(machine: Machine) -> None:
    from pipelines.template.image import image

    project = image(machine.account.names)["BuildProject"]["Properties"]
    variables = project["Environment"]["EnvironmentVariables"]
    assert {one["Name"] for one in variables} == set(machine.project)
    assert project["Source"]["BuildSpec"] == buildspec.render()


def test_shellcheck_finds_nothing() -> None:
    beside = Path(sys.executable).with_name("shellcheck")
    shellcheck = str(beside) if beside.is_file() else shutil.which("shellcheck")
    assert shellcheck is not None, "make setup installs shellcheck"
    ran = subprocess.run(
        [shellcheck, str(buildspec.SCRIPT)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_the_buildspec_writes_the_script_and_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buildspec, "PLACE", str(tmp_path / "script.sh"))
    specification = json.loads(buildspec.render())
    assert specification["version"] == 0.2
    write, run = specification["phases"]["build"]["commands"]
    subprocess.run(["bash", "-c", write], check=True)
    assert (tmp_path / "script.sh").read_text() == buildspec.SCRIPT.read_text()
    assert run == f"bash {tmp_path}/script.sh"
