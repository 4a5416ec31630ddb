"""The memory plan's numbers: the same ones everywhere, whichever way they are given."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from infrastructure.errors import SettingsError
from infrastructure.models.capacity import (
    MOST_THRESHOLD,
    SCALE_AT,
    fleet_capacity,
    model_capacity,
    of_sessions,
)
from pipelines.plan import document
from serving import memory_plan
from serving.memory_plan import limits_for
from tests.support.infrastructure import a_stage


@pytest.mark.parametrize("running", [1, 2, 16, 100, 1024])
def test_a_number_of_sessions_makes_the_limits_that_the_plan_makes_of_it(running: int):
    planned = limits_for(running, 256, context=256, max_num_seqs=1024)
    capacity = of_sessions(running, 256)
    assert capacity.running == planned.running
    assert capacity.target == planned.scaling_target
    assert capacity.threshold == planned.prefix_threshold
    assert capacity.environment == planned.environment()


def test_the_share_at_which_another_instance_comes_is_the_plans():
    assert SCALE_AT == memory_plan.SCALE_AT
    assert MOST_THRESHOLD == memory_plan.MOST_RUNNING


def test_scaling_begins_well_below_the_admission_limit():
    capacity = of_sessions(16, 8192)
    assert capacity.target == 11
    assert int(capacity.environment["KEEPWARM_MAX_CONCURRENT"]) == 32


def test_the_settings_number_is_the_endpoints_and_the_fleets():
    stage = a_stage("prod", model={"concurrency": 20}, fleet={"concurrency": 10})
    assert model_capacity(stage).running == 20
    assert fleet_capacity(stage).running == 10


def test_a_plan_file_gives_its_own_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    plan = _plan()
    monkeypatch.setattr("infrastructure.models.capacity.load", lambda path, instance: plan)
    capacity = model_capacity(a_stage("prod", model=_planned(tmp_path)))
    assert capacity.target == plan.autoscaling_target
    assert capacity.threshold == plan.prefix_aware_threshold
    assert capacity.environment == plan.environment
    assert capacity.ami == "an-ami"


def test_a_plan_that_cannot_be_read_names_the_stage_and_the_setting(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"stage 'prod': model\.plan_file: .*cannot be read"):
        model_capacity(a_stage("prod", model=_planned(tmp_path)))


def test_several_copies_on_an_instance_need_components(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plan = dataclasses.replace(_plan(), copies=4)
    monkeypatch.setattr("infrastructure.models.capacity.load", lambda path, instance: plan)
    with pytest.raises(SettingsError, match="4 copies"):
        model_capacity(a_stage("prod", model=_planned(tmp_path)))


def _planned(folder: Path) -> dict[str, object]:
    return {"concurrency": 0, "plan_file": str(folder / "plan.json")}


def _plan() -> document.PlanDocument:
    limits = limits_for(24, 256, context=256, max_num_seqs=1024)
    return document.PlanDocument(
        model_name="model",
        model_sha256=None,
        architecture="Architecture",
        instance="ml.g6.xlarge",
        ami="an-ami",
        dtype="bfloat16",
        context=256,
        copies=1,
        environment=limits.environment(),
        limits=limits,
        usd_per_hour=None,
        usd_per_million_tokens=None,
        tokens_per_second=None,
        table="1",
    )
