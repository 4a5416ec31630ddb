from __future__ import annotations

import itertools

import pytest

from benchmarks.fleet_model.routing import ROUTINGS
from benchmarks.fleet_model.simulation import Clock, Simulation, Turn
from benchmarks.fleet_model.summary import reusable
from serving.engine.core import EngineCore
from serving.kv_cache.block_pool import BlockPool
from serving.scheduler.scheduler import Scheduler
from tests.unit.benchmarks.fleet_for_tests import simulated, small, small_device


def hit_share(simulation: Simulation) -> float:
    turns = simulation.turns
    return sum(it.cached for it in turns) / sum(it.prompt_len for it in turns)


def what_users_saw(simulation: Simulation) -> list[tuple[object, ...]]:
    return [
        (it.session.number, it.number, it.sent_at, it.first_token_at, it.finished_at, it.cached)
        for it in simulation.turns
    ]


def by_session(simulation: Simulation) -> dict[int, list[Turn]]:
    found: dict[int, list[Turn]] = {}
    for turn in simulation.turns:
        found.setdefault(turn.session.number, []).append(turn)
    return found


@pytest.mark.parametrize("event", ["", "scale-in", "loss"])
@pytest.mark.parametrize("routing", ROUTINGS)
def test_every_turn_that_was_sent_is_answered_whole(routing: str, event: str) -> None:
    simulation = simulated(small(routing=routing, event=event, turns_s=3.0))
    assert len(simulation.turns) > 40
    assert all(it.received == it.wanted and it.finished_at is not None for it in simulation.turns)
    for instance in simulation.fleet.accepting:
        assert not instance.in_flight and not instance.core.has_work
        instance.scheduler.check_integrity()


def test_no_session_loses_a_turn() -> None:
    simulation = simulated(small(event="loss"))
    for turns in by_session(simulation).values():
        session = turns[0].session
        numbers = [it.number for it in turns]
        assert numbers == list(range(session.first, session.first + len(turns)))
        for before, after in itertools.pairwise(turns):
            assert before.finished_at is not None
            assert after.sent_at == before.finished_at + session.pauses[before.number]
        last = turns[-1]
        assert last.finished_at is not None
        over = last.number + 1 == session.turns
        assert over or last.finished_at + session.pauses[last.number] > 12.0


def test_what_is_computed_is_what_was_not_cached() -> None:
    """A prompt's tokens that were not cached, and each token of an answer but its last."""
    simulation = simulated(small(routing="least"))
    assert not any(it.preemptions for it in simulation.turns)
    computed = sum(it.runner.computed for it in simulation.fleet.all)
    assert computed == sum(it.prompt_len - it.cached + it.wanted - 1 for it in simulation.turns)


def test_nobody_finds_more_than_was_computed_before() -> None:
    simulation = simulated(small(routing="sticky"))
    assert all(it.cached <= reusable(it, 16) for it in simulation.turns)
    assert any(it.cached == reusable(it, 16) > 0 for it in simulation.turns)


def test_the_engines_own_parts_are_driven() -> None:
    (instance, *_) = simulated(small()).fleet.all
    assert type(instance.core) is EngineCore
    assert type(instance.scheduler) is Scheduler
    assert type(instance.scheduler.cache.pool) is BlockPool
    assert instance.core.stats().steps > 0


def test_a_strict_runner_finds_every_token_where_the_block_tables_say() -> None:
    scenario = small(routing="prefix", turns_s=0.4, pause=1.0, event="loss")
    checked = simulated(scenario, checked=True)
    assert sum(it.cached for it in checked.turns) > 0
    assert all(it.received == it.wanted for it in checked.turns)


def test_time_goes_forward() -> None:
    clock = Clock()
    clock.advance(1.0)
    clock.advance(1.0)
    with pytest.raises(ValueError, match=r"at 0\.5 comes after one at 1\.0"):
        clock.advance(0.5)
    for turn in simulated(small()).turns:
        assert turn.first_token_at is not None and turn.finished_at is not None
        assert turn.sent_at < turn.first_token_at <= turn.finished_at


@pytest.mark.parametrize("event", ["", "loss"])
def test_equal_seeds_give_equal_runs(event: str) -> None:
    one, two = (simulated(small(routing="random", event=event)) for _ in range(2))
    other = simulated(small(routing="random", event=event, seed=2))
    assert what_users_saw(one) == what_users_saw(two) != what_users_saw(other)


def test_one_instance_makes_all_routings_equal() -> None:
    runs = [
        what_users_saw(simulated(small(routing=name, instances=1, nominal=1))) for name in ROUTINGS
    ]
    assert all(run == runs[0] for run in runs)


def test_sessions_that_come_back_find_more_than_those_that_wander() -> None:
    shares = {name: hit_share(simulated(small(routing=name))) for name in ROUTINGS}
    assert shares["sticky"] > shares["random"]
    assert shares["prefix"] > shares["random"]


def test_a_drained_instance_finishes_its_work_and_leaves() -> None:
    simulation = simulated(small(event="scale-in", turns_s=3.0))
    leaver = simulation.fleet.all[-1]
    _, gone = simulation.fleet.lifetimes[leaver.number]
    assert leaver not in simulation.fleet.accepting
    assert gone is not None and gone >= 4.0 and not leaver.in_flight
    assert all(it.sends == 1 for it in simulation.turns)


def test_a_lost_instances_answers_go_on_elsewhere() -> None:
    simulation = simulated(small(event="loss", turns_s=4.0))
    again = [it for it in simulation.turns if it.sends > 1]
    assert again
    assert all(it.received == it.wanted for it in again)
    assert simulation.fleet.hours(0, 12) == pytest.approx((12 + 12 + 4) / 3600)


def test_a_full_fleet_refuses_and_the_client_tries_again() -> None:
    simulation = simulated(small(turns_s=9.0, routing="least"))
    refused = [it for it in simulation.turns if it.refused]
    assert refused
    assert all(it.first_token_at and it.first_token_at - it.sent_at >= 1 for it in refused)
    assert all(it.received == it.wanted for it in simulation.turns)


def test_a_host_tier_finds_again_what_the_pool_forgot() -> None:
    tight = small_device(num_blocks=260)
    without = simulated(small(routing="sticky", turns_s=2.0), tight)
    tier = simulated(small(routing="sticky", turns_s=2.0, host_tier=True), tight)
    assert hit_share(tier) > hit_share(without)
    assert sum(it.host.restored for it in tier.fleet.all) > 0
    assert not sum(it.host.restored for it in without.fleet.all)
    for instance in tier.fleet.all:
        assert len(instance.host) <= instance.host.num_blocks
        instance.scheduler.check_integrity()
