from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.errors import SettingsError, StagingError
from pipelines.speed import document
from pipelines.speed.levels import SpeedPlan, measure_levels, summarise_level
from pipelines.speed.records import LoadResult, Outcome, TurnRecord
from pipelines.speed.workload import WorkloadSettings
from pipelines.target.errors import Refused
from pipelines.target.interface import Body
from tests.support.scripted_target import ScriptedTarget, delta, stream_of

PLAN = SpeedPlan(levels=(1, 2), turns=2, new_tokens=2)


def measured(stream_body: object = None) -> dict[str, object]:
    target = ScriptedTarget(stream=lambda body: stream_of("a", "b", cached=80))
    return document.render("here", "a laptop", PLAN, measure_levels(target, PLAN))


def turn(session: int, number: int, times: tuple[float, ...], **more: object) -> TurnRecord:
    fields: dict[str, object] = {
        "session": session,
        "turn": number,
        "sent_s": 0.0,
        "event_times_s": times,
        "finished_s": times[-1] if times else 0.0,
        "output_tokens": len(times),
        "counted_by_server": True,
        "text": "x",
        "outcome": Outcome.COMPLETE,
    }
    return TurnRecord(**{**fields, **more})  # type: ignore[arg-type]


def test_every_level_is_measured_with_its_own_questions() -> None:
    target = ScriptedTarget(stream=lambda body: stream_of("a", "b"))
    levels = measure_levels(target, PLAN)
    assert [(level.concurrency, level.complete) for level in levels] == [(1, 2), (2, 4)]
    first = [body["messages"][1]["content"] for body in target.asked if len(body["messages"]) == 2]
    assert len(set(first)) == len(first)


def test_a_level_by_hand() -> None:
    settings = WorkloadSettings(sessions=2, turns=1, new_tokens=2)
    turns = (
        turn(0, 0, (1.0, 1.5), prompt_tokens=100, cached_tokens=50),
        turn(1, 0, (3.0, 4.0), prompt_tokens=100, cached_tokens=100),
    )
    level = summarise_level(settings, LoadResult(turns, 4.0, 0.1))
    assert level.tokens_per_s == pytest.approx(1.0)
    assert level.overall.ttft_p50 == pytest.approx(2.0)
    assert level.overall.ttft_p95 == pytest.approx(2.9)
    assert level.overall.itl_p50 == pytest.approx(0.75)
    assert level.overall.cached_share == pytest.approx(0.75)


def test_turns_that_were_never_sent_are_lost_not_forgotten() -> None:
    settings = WorkloadSettings(sessions=1, turns=4, new_tokens=2)
    failed = turn(0, 1, (), outcome=Outcome.ERROR, error="HTTP 500")
    level = summarise_level(settings, LoadResult((turn(0, 0, (1.0, 2.0)), failed), 2.0, 0.1))
    metrics = document.metrics([level])
    assert metrics["failed_share"] == pytest.approx(0.75)
    assert level.errors == ("HTTP 500",)


def test_truncated_streams_have_a_share_of_their_own() -> None:
    def stream(body: Body) -> list[bytes]:
        whole = stream_of("a", "b")
        return whole if len(body["messages"]) == 2 else whole[:1]

    target = ScriptedTarget(stream=stream)
    metrics = document.metrics(measure_levels(target, PLAN))
    assert (metrics["truncated_share"], metrics["failed_share"]) == (0.5, 0.0)


def test_the_document_holds_what_the_gates_need() -> None:
    found = measured()
    assert found["place"] == "a laptop"
    assert found["workload"] == "chat levels 1-2 turns 2 tokens 2"
    metrics = found["metrics"]
    assert isinstance(metrics, dict)
    assert metrics["cached_share"] == pytest.approx(0.8)
    assert None not in metrics.values()


def test_a_level_without_a_token_leaves_the_throughput_unknown() -> None:
    settings = WorkloadSettings(sessions=1, turns=1, new_tokens=2)
    silent = summarise_level(settings, LoadResult((), 0.0, 0.0))
    spoken = summarise_level(settings, LoadResult((turn(0, 0, (1.0, 2.0)),), 2.0, 0.1))
    assert document.metrics([spoken, silent])["tokens_per_s"] is None


def test_an_endpoint_that_fails_the_warm_up_is_not_measured() -> None:
    def stream(body: Body) -> Iterator[bytes]:
        raise Refused(500, "the engine died")
        yield delta("")

    with pytest.raises(StagingError, match="warm-up of scripted failed: HTTP 500"):
        measure_levels(ScriptedTarget(stream=stream), PLAN)


@pytest.mark.parametrize("levels", [(), (4, 1), (1, 1), (0, 2), (2000,)])
def test_levels_that_cannot_be_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(SettingsError, match="levels"):
        SpeedPlan(levels=levels)
