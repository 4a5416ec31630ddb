from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator_lambda.errors import StoreUnavailable
from orchestrator_lambda.telemetry.kinesis import NoTelemetry
from orchestrator_lambda.telemetry.sweeper import (
    Finished,
    Swept,
    finish_deletions,
    finish_turns,
    sweep,
)
from tests.support.fake_outboxes import FakeOutboxes
from tests.support.turn_events import ended, started

NOW = 10_000_000


class Sender:
    """Takes events, all but those that it refuses."""

    def __init__(self, refuses: Sequence[str] = ()) -> None:
        self.refuses = set(refuses)
        self.sent: list[str] = []
        self.deadlines: list[int] = []

    def send(
        self, events: Sequence[Mapping[str, Any]], *, deadline_ms: int
    ) -> Sequence[tuple[str, str]]:
        self.deadlines.append(deadline_ms)
        taken = [e["event_id"] for e in events if e["event_id"] not in self.refuses]
        self.sent += taken
        return [(event_id.split(":")[0], event_id) for event_id in taken]


def turns(count: int) -> list[dict[str, Any]]:
    names = [f"c_{number}" for number in range(count)]
    return [event for name in names for event in (started(name), ended(name))]


def run(outboxes: FakeOutboxes, sender: Any, remaining_ms: int = 60_000, **options: Any) -> Swept:
    return sweep(outboxes, sender, now_ms=NOW, remaining_ms=lambda: remaining_ms, **options)


def test_what_a_flush_lost_is_sent_and_crossed_off():
    outboxes, sender = FakeOutboxes(*turns(3)), Sender()
    assert run(outboxes, sender) == Swept(found=6, sent=6, cleared=6, complete=True)
    assert sorted(sender.sent) == sorted(event["event_id"] for event in turns(3))
    assert outboxes.entries == {}


def test_it_goes_through_page_by_page():
    outboxes, sender = FakeOutboxes(*turns(10)), Sender()
    assert run(outboxes, sender, page=3).cleared == 20
    assert len(sender.deadlines) == 4


def test_turns_that_may_still_flush_themselves_are_left_alone():
    outboxes = FakeOutboxes()
    run(outboxes, Sender(), older_than_ms=5_000)
    assert outboxes.asked == [NOW - 5_000]


def test_what_does_not_arrive_stays_in_its_outbox():
    outboxes, sender = FakeOutboxes(*turns(2)), Sender(refuses=["c_1:2:ended"])
    swept = run(outboxes, sender)
    assert swept.cleared == 3 and not swept.complete
    assert list(outboxes.entries) == ["c_1:2:ended"]


def test_kinesis_outage_ends_the_run_and_loses_nothing():
    everything = [event["event_id"] for event in turns(4)]
    outboxes, sender = FakeOutboxes(*turns(4)), Sender(refuses=everything)
    assert run(outboxes, sender, page=2) == Swept(found=4)
    assert len(outboxes.entries) == 8
    assert len(sender.deadlines) == 1


def test_a_store_that_is_down_raises_nothing():
    outboxes = FakeOutboxes(*turns(1))
    outboxes.down = True
    assert run(outboxes, Sender()) == Swept()


def test_what_arrived_but_could_not_be_crossed_off_comes_again_the_next_time():
    outboxes, sender = FakeOutboxes(*turns(1)), Sender()
    outboxes.deaf = True
    assert run(outboxes, sender) == Swept(found=2, sent=2)
    outboxes.deaf = False
    assert run(outboxes, sender).complete
    assert sender.sent.count("c_0:2:ended") == 2


def test_an_index_that_lags_does_not_make_it_run_for_ever():
    outboxes, sender = FakeOutboxes(*turns(2)), Sender()
    outboxes.clear_outbox = lambda *_: None  # type: ignore[method-assign]
    assert run(outboxes, sender) == Swept(found=4, sent=4, cleared=4, complete=True)


def test_it_ends_in_time():
    outboxes, sender = FakeOutboxes(*turns(50)), Sender()
    left = iter([30_000, 30_000, 2_500, 2_500, 900])
    swept = sweep(outboxes, sender, now_ms=NOW, remaining_ms=lambda: next(left), page=5)
    assert swept == Swept(found=20, sent=20, cleared=20, complete=False)
    assert sender.deadlines == [10_000, 1_500]


def test_without_a_stream_outboxes_do_not_pile_up():
    outboxes = FakeOutboxes(*turns(5))
    assert run(outboxes, NoTelemetry()).complete
    assert outboxes.entries == {}


def finish(outboxes: FakeOutboxes, act: Any, remaining_ms: int = 60_000) -> Finished:
    return finish_turns(outboxes, act, now_ms=NOW, remaining_ms=lambda: remaining_ms)


def test_dead_turns_are_given_to_whoever_can_end_them():
    ended_turns: list[tuple[str, int]] = []

    def act(conversation_id: str, answer_seq: int) -> bool:
        ended_turns.append((conversation_id, answer_seq))
        return conversation_id != "c_alive"

    outboxes = FakeOutboxes(unfinished=[("c_1", 2), ("c_alive", 4), ("c_2", 6)])
    assert finish(outboxes, act) == Finished(found=3, ended=2)
    assert ended_turns == [("c_1", 2), ("c_alive", 4), ("c_2", 6)]


def test_one_that_cannot_be_ended_now_does_not_stop_the_others():
    def act(conversation_id: str, answer_seq: int) -> bool:
        if conversation_id == "c_1":
            raise StoreUnavailable("not now")
        return True

    outboxes = FakeOutboxes(unfinished=[("c_1", 2), ("c_2", 2)])
    assert finish(outboxes, act) == Finished(found=2, ended=1, failed=1)


def test_dead_turns_are_left_for_the_next_run_when_time_is_up():
    outboxes = FakeOutboxes(unfinished=[("c_1", 2)])
    assert finish(outboxes, lambda *_: True, remaining_ms=500) == Finished()
    outboxes.down = True
    assert finish(outboxes, lambda *_: True) == Finished()


def test_deletions_are_gone_on_with_and_a_store_that_is_down_ends_nothing():
    outboxes = FakeOutboxes(deletions=["c_1", "c_2"])
    assert finish_deletions(outboxes, now_ms=NOW, remaining_ms=lambda: 60_000) == 2
    assert finish_deletions(outboxes, now_ms=NOW, remaining_ms=lambda: 500) == 1
    outboxes.down = True
    assert finish_deletions(outboxes, now_ms=NOW, remaining_ms=lambda: 60_000) == 0
