"""The end of an instance, run against metadata on the loopback: nothing that runs is cut off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from container.settings import ContainerSettings
from infrastructure.fleet import drain
from tests.support.fleet_machine import Machine
from tests.support.infrastructure import a_stage

ENDING = "autoscaling/target-lifecycle-state"
SPOT = "spot/instance-action"
IDLE = "keepwarm:num_requests_running 0.0\nkeepwarm:num_requests_waiting 0.0\n"
BUSY = "keepwarm:num_requests_running 2.0\nkeepwarm:num_requests_waiting 1.0\n"
UNHEALTHY = (
    "aws autoscaling set-instance-health --region us-east-1 --instance-id i-42 "
    "--health-status Unhealthy"
)
STOP = "systemctl stop keepwarm.service"
DONE = (
    "aws autoscaling complete-lifecycle-action --region us-east-1 "
    "--auto-scaling-group-name keepwarm-prod-fleet --lifecycle-hook-name drain "
    "--instance-id i-42 --lifecycle-action-result CONTINUE"
)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    made.install(a_stage("prod"))
    yield made


def test_an_instance_that_the_group_ends_drains_and_lets_go(machine: Machine):
    with machine.server({"metrics": IDLE}), machine.metadata({ENDING: "Terminated"}) as url:
        machine.run("drain.sh", url)
    assert machine.calls() == [STOP, DONE]


def test_a_spot_notice_takes_the_instance_from_the_balancer_first(machine: Machine):
    notice = {SPOT: '{"action": "terminate", "time": "2026-11-25T12:00:00Z"}', ENDING: "InService"}
    with machine.server({"metrics": IDLE}), machine.metadata(notice) as url:
        machine.run("drain.sh", url)
    assert machine.calls() == [UNHEALTHY, STOP, DONE]


def test_nothing_happens_before_there_is_a_notice(machine: Machine):
    values = {ENDING: "InService"}
    with machine.server({"metrics": IDLE}), machine.metadata(values) as url:
        running = _in_background(lambda: machine.run("drain.sh", url))
        assert running.is_alive() and machine.calls() == []
        values[ENDING] = "Terminated"
        running.join(30)
    assert machine.calls() == [STOP, DONE]


def test_running_requests_are_waited_for(machine: Machine):
    pages = {"metrics": BUSY}
    with machine.server(pages), machine.metadata({ENDING: "Terminated"}) as url:
        running = _in_background(lambda: machine.run("drain.sh", url))
        time.sleep(0.3)  # some turns of the waiting loop
        assert machine.calls() == []
        pages["metrics"] = IDLE
        running.join(30)
    assert machine.calls() == [STOP, DONE]


def test_requests_that_never_end_are_left_to_the_containers_own_drain(machine: Machine):
    with machine.server({"metrics": BUSY}), machine.metadata({ENDING: "Terminated"}) as url:
        said = machine.run("drain.sh", url, KEEPWARM_FLEET_LONGEST_S="1")
    assert "3 requests are still running after 1 s" in said
    assert machine.calls() == [STOP, DONE]


def test_a_spot_instance_waits_no_longer_than_its_notice_allows(machine: Machine):
    notice = {SPOT: "{}"}
    with machine.server({"metrics": BUSY}), machine.metadata(notice) as url:
        said = machine.run("drain.sh", url, KEEPWARM_FLEET_SPOT_S="1")
    assert "after 1 s" in said
    assert machine.calls() == [UNHEALTHY, STOP, DONE]


def test_a_server_that_is_gone_has_nothing_to_wait_for(machine: Machine):
    with machine.metadata({ENDING: "Terminated"}) as url:
        machine.run("drain.sh", url, KEEPWARM_FLEET_SERVER="http://127.0.0.1:1")
    assert machine.calls() == [STOP, DONE]


def test_a_hook_that_is_not_open_yet_is_completed_when_it_is(machine: Machine):
    machine.answers("aws", '(( $(grep -c complete-lifecycle-action "$CALLS") > 2 ))')
    with machine.server({"metrics": IDLE}), machine.metadata({ENDING: "Terminated"}) as url:
        machine.run("drain.sh", url)
    assert machine.calls() == [STOP, DONE, DONE, DONE]


def test_metadata_that_does_not_answer_is_no_notice(machine: Machine):
    values: dict[str, str] = {}
    with machine.server({"metrics": IDLE}), machine.metadata(values) as url:
        running = _in_background(lambda: machine.run("drain.sh", url))
        time.sleep(0.2)  # some polls without any answer
        assert running.is_alive() and machine.calls() == []
        values[ENDING] = "Terminated"
        running.join(30)
    assert machine.calls() == [STOP, DONE]


def test_a_spot_instance_is_done_within_its_two_minutes():
    poll, settle, wait, stop = 5, 15, 60, 30
    assert poll + settle + wait + stop < 120
    text = (Path(drain.__file__).parent / "scripts/drain.sh").read_text()
    for name, seconds in (("POLL", poll), ("SETTLE", settle), ("SPOT", wait)):
        assert f'KEEPWARM_FLEET_{name}_S:-{seconds}}}"' in text


def test_the_longest_answer_fits_into_what_the_group_waits():
    settings = ContainerSettings()
    assert settings.stream_deadline_seconds < drain.STREAM_S
    assert settings.drain_seconds == drain.DRAIN_S
    assert drain.STREAM_S + drain.DRAIN_S + 15 + 5 < drain.HOLD_S


def _in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread
