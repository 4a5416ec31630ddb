"""The user data, executed: it writes what it should, and starts an instance step by step."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from container.settings import ContainerSettings
from infrastructure.errors import SettingsError
from infrastructure.fleet import boot
from tests.support.fleet_machine import IMAGE, Machine, shellcheck
from tests.support.infrastructure import a_stage


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.answers("nvidia-smi", "echo 580.95.05")
    made.answers("aws", "[[ $1 != ecr ]] || echo a-password")
    made.answers("docker", "[[ $1 != login ]] || cat >/dev/null")
    made.answers("systemctl", "true")
    return made


def test_all_scripts_are_clean():
    shellcheck(*[boot.SCRIPTS / name for name in (boot.LIBRARY, *boot.PROGRAMS)])


def test_the_user_data_is_clean(tmp_path: Path):
    script = tmp_path / "user-data.sh"
    script.write_text(boot.user_data(a_stage("prod")))
    shellcheck(script)


def test_an_instance_boots_in_order(machine: Machine):
    with machine.metadata({"instance-id": "i-42"}) as url:
        machine.run_user_data(a_stage("prod"), url)
    assert machine.calls() == [
        "nvidia-smi --query-gpu=driver_version --format=csv,noheader",
        "aws ecr get-login-password --region us-east-1",
        "docker login --username AWS --password-stdin 111122223333.dkr.ecr.us-east-1.amazonaws.com",
        f"docker pull {IMAGE}",
        "aws s3 sync s3://keepwarm-111122223333-us-east-1/models/1/ "
        f"{machine.root}/opt/keepwarm/model --region us-east-1 --no-progress",
        "systemctl daemon-reload",
        "systemctl enable --now keepwarm.service keepwarm-drain.service keepwarm-metrics.timer",
    ]


def test_the_image_is_pulled_by_its_digest():
    assert "@sha256:" in boot.instance_environment(a_stage("prod"))["FLEET_IMAGE"]


def test_a_machine_without_a_driver_fetches_nothing(machine: Machine):
    machine.answers("nvidia-smi", "exit 9")
    with machine.metadata({"instance-id": "i-42"}) as url:
        ended = machine.run_user_data(a_stage("prod"), url, check=False)
    assert ended.returncode == 3
    assert "no GPU driver: choose another fleet.ami_parameter" in ended.stderr
    assert [call.split()[0] for call in machine.calls()] == ["nvidia-smi"]


def test_a_registry_that_throttles_is_asked_again(machine: Machine):
    machine.answers(
        "docker",
        '[[ $1 != login ]] || cat >/dev/null; [[ $1 != pull ]] || (( $(grep -c "docker pull" '
        '"$CALLS") > 2 ))',
    )
    with machine.metadata({"instance-id": "i-42"}) as url:
        machine.run_user_data(a_stage("prod"), url)
    assert sum(call.startswith("docker pull") for call in machine.calls()) == 3
    assert machine.calls()[-1].startswith("systemctl enable")


def test_an_instance_that_does_not_know_its_id_starts_no_server(machine: Machine):
    with machine.metadata({}) as url:
        ended = machine.run_user_data(a_stage("prod"), url, check=False)
    assert ended.returncode != 0
    assert "failed: metadata instance-id" in ended.stderr
    assert [call.split()[0] for call in machine.calls()] == ["nvidia-smi"]


def test_the_registrys_password_is_no_argument_of_a_command(machine: Machine):
    with machine.metadata({"instance-id": "i-42"}) as url:
        machine.run_user_data(a_stage("prod"), url)
    assert not any("a-password" in call for call in machine.calls())


def test_a_model_that_never_comes_starts_no_server(machine: Machine):
    machine.answers("aws", "[[ $1 == ecr ]] && echo a-password")
    with machine.metadata({"instance-id": "i-42"}) as url:
        ended = machine.run_user_data(a_stage("prod"), url, check=False)
    assert ended.returncode != 0
    assert "try 5 of 5 failed" in ended.stderr
    assert not any(call.startswith("systemctl") for call in machine.calls())


def test_the_container_gets_settings_that_it_knows_and_the_plans_numbers(machine: Machine):
    values = boot.container_environment(a_stage("prod"))
    assert ContainerSettings.from_env(values).max_concurrent == 32
    documented = Path("docs/settings.md").read_text()
    assert all(f"`{name}`" in documented for name in values)


def test_the_container_is_run_as_on_sagemaker_with_nothing_else_of_the_host(machine: Machine):
    with machine.metadata({"instance-id": "i-42"}) as url:
        machine.run_user_data(a_stage("prod"), url)
    machine.run("serve.sh")
    run = machine.calls()[-1]
    assert run.startswith("docker run --rm --name keepwarm --gpus all --publish 8080:8080")
    assert f"--volume {machine.root}/opt/keepwarm/model:/opt/ml/model:ro" in run
    assert "--user 1000 --cap-drop ALL --security-opt no-new-privileges --read-only" in run
    assert "--env KEEPWARM_INSTANCE_ID=i-42" in run
    assert "--log-driver awslogs" in run and "awslogs-group=/keepwarm/prod/fleet" in run
    assert run.endswith(f"{IMAGE} serve")


def test_a_container_that_ends_is_started_again_unless_trying_cannot_help():
    unit = (boot.SCRIPTS / "keepwarm.service").read_text()
    assert "Restart=always" in unit
    assert "RestartPreventExitStatus=2 3" in unit


def test_the_container_has_the_time_that_it_drains_for_before_it_is_killed():
    unit = (boot.SCRIPTS / "keepwarm.service").read_text()
    assert ContainerSettings().drain_seconds < 30
    assert "docker stop --time 30 keepwarm" in unit and "TimeoutStopSec=40" in unit


def test_every_program_of_a_unit_is_written_and_may_be_run(machine: Machine):
    with machine.metadata({"instance-id": "i-42"}) as url:
        machine.run_user_data(a_stage("prod"), url)
    units = [(machine.root / "etc/systemd/system" / name).read_text() for name in boot.UNITS]
    started = [
        line.removeprefix("ExecStart=")
        for unit in units
        for line in unit.splitlines()
        if line.startswith("ExecStart=")
    ]
    assert len(started) == 3
    for program in started:
        assert (machine.root / program.lstrip("/")).stat().st_mode & 0o111


def test_user_data_that_ec2_would_refuse_is_refused_here():
    stage = a_stage("prod", fleet={"model_uri": "s3://keepwarm/" + "x" * boot.LIMIT_BYTES})
    with pytest.raises(SettingsError, match="EC2 takes 16384"):
        boot.user_data(stage)


def test_bash_reads_the_whole_user_data():
    subprocess.run(["bash", "-n"], input=boot.user_data(a_stage("prod")), text=True, check=True)
