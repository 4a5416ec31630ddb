"""How full an instance is: from the container's own numbers to CloudWatch."""

from __future__ import annotations

from pathlib import Path

import pytest

from container.telemetry import Telemetry
from infrastructure.fleet.names import METRICS, NAMESPACE
from serving.request import EngineStats
from tests.support.fleet_machine import Machine
from tests.support.infrastructure import a_stage


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.install(a_stage("prod"))
    return made


def test_running_and_waiting_requests_of_a_real_container_are_written(machine: Machine):
    stats = EngineStats(running=5, waiting=2, total_blocks=100, free_blocks=25)
    with machine.server({"metrics": _text(stats)}):
        machine.run("metrics.sh")
    (call,) = machine.calls()
    group = "Dimensions=[{Name=AutoScalingGroupName,Value=keepwarm-prod-fleet}]"
    assert f"--namespace {NAMESPACE} " in call
    assert f"MetricName=concurrent_requests,Value=7,Unit=Count,StorageResolution=1,{group}" in call
    assert "MetricName=kv_occupancy,Value=0.75,Unit=None," in call
    assert "MetricName=sessions_open,Value=3,Unit=Count," in call
    assert [name for name in METRICS if f"MetricName={name}," not in call] == []


def test_a_container_that_does_not_answer_writes_nothing(machine: Machine):
    said = machine.run("metrics.sh", KEEPWARM_FLEET_SERVER="http://127.0.0.1:1")
    assert "does not answer" in said
    assert machine.calls() == []


def _text(stats: EngineStats) -> str:
    telemetry = Telemetry(
        stats=lambda: stats,
        info=lambda: None,
        active=lambda: 7,
        sessions=lambda: 3,
        serving=lambda: True,
    )
    return telemetry.text().decode()
