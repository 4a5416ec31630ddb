from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from benchmarks.errors import PeerFailed
from benchmarks.records import PeerFailure, RunRecord
from benchmarks.runner import Budget, TimeLimits, measure_peers
from benchmarks.scenarios import Scenario
from pipelines.speed.records import LoadResult, Outcome, RunObserver, SilentObserver
from pipelines.speed.workload import ChatWorkload, WorkloadSettings, chat_workload
from tests.unit.benchmarks.records_for_tests import turn

WORKLOAD = chat_workload(WorkloadSettings(sessions=1, turns=1, new_tokens=3))


class FakePeer:
    """A peer that writes down what is done with it, and fails where it is told to."""

    def __init__(self, name: str, log: list[str], fails: str = "") -> None:
        self.name = name
        self.title = name.title()
        self._log = log
        self._fails = fails

    def unavailable_reason(self) -> str | None:
        return "not installed" if self._fails == "availability" else None

    def version(self) -> str:
        return "1"

    def settings(self) -> Mapping[str, str]:
        return {}

    def start(self, time_limit_s: float) -> None:
        self._do("start")

    def run(
        self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
    ) -> LoadResult:
        kind = "run" if workload is WORKLOAD else "warm-up"
        self._do(kind)
        outcome = Outcome.ERROR if self._fails == f"answer of {kind}" else Outcome.COMPLETE
        return LoadResult((turn(times=(1.0, 2.0, 3.0), outcome=outcome),), 3.0, 0.01)

    def peak_memory_bytes(self) -> int | None:
        return 1 << 30

    def stop(self) -> None:
        self._log.append(f"{self.name} stop")

    def _do(self, what: str) -> None:
        self._log.append(f"{self.name} {what}")
        if self._fails == what:
            raise PeerFailed(f"broke at {what}")
        if self._fails == f"Ctrl-C at {what}":
            raise KeyboardInterrupt


LIMITS = TimeLimits(start_s=1.0, run_s=1.0)
CHAT_ALONE = (Scenario("chat", WORKLOAD),)


def outcomes_of(
    *peers: FakePeer,
    repeats: int = 1,
    scenarios: Sequence[Scenario] = CHAT_ALONE,
    limits: TimeLimits = LIMITS,
) -> list[RunRecord | PeerFailure]:
    return list(
        measure_peers(
            [(peer, scenarios) for peer in peers],
            repeats=repeats,
            limits=limits,
            observe=lambda title, size: SilentObserver(),
        )
    )


def test_each_peer_is_started_warmed_up_run_and_stopped_before_the_next() -> None:
    log: list[str] = []
    outcomes = outcomes_of(FakePeer("a", log), FakePeer("b", log))
    assert [one.peer for one in outcomes] == ["a", "b"]
    once = ["start", "warm-up", "run", "stop"]
    assert log == [f"{name} {step}" for name in "ab" for step in once]


def test_all_scenarios_of_a_peer_run_from_one_start() -> None:
    log: list[str] = []
    two = (Scenario("chat", WORKLOAD), Scenario("single", WORKLOAD))
    outcomes = outcomes_of(FakePeer("a", log), scenarios=two)
    records = [one for one in outcomes if isinstance(one, RunRecord)]
    assert [one.scenario for one in records] == ["chat", "single"]
    assert {one.peak_memory_bytes for one in records} == {1 << 30}
    assert log == ["a start", "a warm-up", "a run", "a run", "a stop"]


def test_a_peer_for_which_no_time_is_left_is_not_started_and_says_so() -> None:
    log: list[str] = []
    (failure,) = outcomes_of(FakePeer("a", log), limits=TimeLimits(total_s=10.0))
    assert isinstance(failure, PeerFailure)
    assert failure.reason == "no time left of the 10 s for everything"
    assert log == []


def test_time_is_kept_for_the_peers_to_come() -> None:
    budget = Budget(TimeLimits(total_s=300.0, run_s=900.0, reserve_s=100.0))
    assert 0.0 < budget.run_s(2) <= 100.0
    assert 100.0 < budget.run_s(1) <= 200.0
    with pytest.raises(PeerFailed, match="no time left"):
        budget.run_s(3)


def test_a_failure_in_a_later_scenario_names_the_first_that_is_missing() -> None:
    class BreaksLater(FakePeer):
        def run(
            self, workload: ChatWorkload, *, time_limit_s: float, observer: RunObserver
        ) -> LoadResult:
            if self._log.count("a run") == 1:
                raise PeerFailed("gone")
            return super().run(workload, time_limit_s=time_limit_s, observer=observer)

    two = (Scenario("chat", WORKLOAD), Scenario("burst", WORKLOAD))
    record, failure = outcomes_of(BreaksLater("a", []), scenarios=two)
    assert isinstance(record, RunRecord)
    assert isinstance(failure, PeerFailure)
    assert (failure.scenario, failure.reason) == ("burst", "gone")


def test_repeats_go_round_the_peers_from_a_fresh_start() -> None:
    log: list[str] = []
    outcomes = outcomes_of(FakePeer("a", log), FakePeer("b", log), repeats=2)
    assert [(one.peer, one.repeat) for one in outcomes if isinstance(one, RunRecord)] == [
        *(("a", 0), ("b", 0), ("a", 1), ("b", 1))
    ]
    assert log.count("a start") == log.count("a stop") == 2


@pytest.mark.parametrize("step", ["start", "warm-up", "run"])
def test_a_peer_that_breaks_is_stopped_reported_once_and_does_not_stop_the_others(
    step: str,
) -> None:
    log: list[str] = []
    outcomes = outcomes_of(FakePeer("a", log, fails=step), FakePeer("b", log), repeats=2)
    failures = [one for one in outcomes if isinstance(one, PeerFailure)]
    assert failures == [PeerFailure(peer="a", title="A", reason=f"broke at {step}")]
    assert [one.peer for one in outcomes if isinstance(one, RunRecord)] == ["b", "b"]
    assert log.count("a stop") == 1


def test_a_failed_warm_up_answer_is_a_failed_peer() -> None:
    (failure,) = outcomes_of(FakePeer("a", [], fails="answer of warm-up"))
    assert isinstance(failure, PeerFailure)
    assert "warm-up request failed" in failure.reason


def test_a_failed_answer_in_the_run_is_kept_as_a_record() -> None:
    (record,) = outcomes_of(FakePeer("a", [], fails="answer of run"))
    assert isinstance(record, RunRecord)
    assert len(record.errors) == 1


def test_an_unavailable_peer_is_never_started() -> None:
    log: list[str] = []
    (failure,) = outcomes_of(FakePeer("a", log, fails="availability"))
    assert isinstance(failure, PeerFailure)
    assert failure.reason == "not installed"
    assert failure.skipped
    assert log == []


@pytest.mark.parametrize("step", ["start", "warm-up", "run"])
def test_ctrl_c_stops_the_peer_and_goes_on_to_the_caller(step: str) -> None:
    log: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        outcomes_of(FakePeer("a", log, fails=f"Ctrl-C at {step}"))
    assert log[-1] == "a stop"
