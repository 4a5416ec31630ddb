"""Phases, from loading to the end."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from container.admission import Admission
from container.handler import Handler
from container.lifecycle import Lifecycle, Phase
from container.settings import ContainerSettings
from serving.engine.protocol import EngineState
from serving.errors import EngineDead, EngineDraining, EngineUnavailable, Overloaded
from serving.request import FinishReason
from serving.sampling_params import SamplingParams
from serving.testing import FakeEngine


class LoadedHandler(Handler):
    """A handler whose model is the engine given."""

    def __init__(self, engine: FakeEngine, failure: BaseException | None = None) -> None:
        super().__init__(ContainerSettings(model_dir=str(Path("/nowhere"))))
        self._given, self._failure = engine, failure

    def load(self) -> None:
        if self._failure is not None:
            raise self._failure
        self._model = self._given


def lifecycle_of(
    engine: FakeEngine,
    *,
    failure: BaseException | None = None,
    drain_s: float = 1.0,
    warmup: int = 3,
) -> tuple[Lifecycle, Admission]:
    admission = Admission(8)
    handler = LoadedHandler(engine, failure)
    return Lifecycle(handler, admission, warmup_tokens=warmup, drain_s=drain_s), admission


def wait_for(lifecycle: Lifecycle, phase: Phase) -> None:
    deadline = time.monotonic() + 5
    while lifecycle.phase is not phase and time.monotonic() < deadline:
        time.sleep(0.01)
    assert lifecycle.phase is phase


def never() -> None:
    raise AssertionError("the start failed")


def test_is_loading_until_the_engine_is_ready_then_warms_up_then_serves() -> None:
    engine = FakeEngine("x", load_seconds=0.2)
    lifecycle, _ = lifecycle_of(engine)
    assert lifecycle.trouble() == "loading: the model is loading"
    with pytest.raises(EngineUnavailable):
        lifecycle.check_open()
    lifecycle.start(never)
    wait_for(lifecycle, Phase.SERVING)
    assert lifecycle.trouble() is None
    assert engine.submissions[0].params.max_tokens == 3


@pytest.mark.parametrize("failure", [RuntimeError("no such file"), SystemExit("no such file")])
def test_a_start_that_fails_says_why_and_calls_back(failure: BaseException) -> None:
    called = threading.Event()
    lifecycle, _ = lifecycle_of(FakeEngine(), failure=failure)
    lifecycle.start(called.set)
    assert called.wait(5)
    assert "no such file" in (lifecycle.trouble() or "")


def test_an_engine_that_dies_while_loading_fails_the_start() -> None:
    called = threading.Event()
    engine = FakeEngine(load_seconds=60)
    lifecycle, _ = lifecycle_of(engine)
    lifecycle.start(called.set)
    engine.become(EngineState.DEAD, "weights are corrupt")
    assert called.wait(5)
    assert "weights are corrupt" in (lifecycle.trouble() or "")


def test_a_stalled_engine_fails_ping_and_still_takes_requests() -> None:
    engine = FakeEngine()
    lifecycle, _ = lifecycle_of(engine)
    lifecycle.start(never)
    wait_for(lifecycle, Phase.SERVING)
    engine.become(EngineState.STALLED)
    assert "stalled" in (lifecycle.trouble() or "")
    lifecycle.check_open()
    engine.become(EngineState.DEAD, "killed")
    with pytest.raises(EngineDead):
        lifecycle.check_open()


def test_draining_lets_what_runs_end_and_refuses_the_rest() -> None:
    engine = FakeEngine("x" * 10, tokens_per_second=50)
    lifecycle, admission = lifecycle_of(engine, drain_s=10)
    lifecycle.start(never)
    wait_for(lifecycle, Phase.SERVING)
    admission.enter()
    stream = engine.submit("hi", SamplingParams(max_tokens=10))
    draining = threading.Thread(target=lifecycle.drain)
    draining.start()
    wait_for(lifecycle, Phase.DRAINING)
    with pytest.raises(EngineDraining):
        lifecycle.check_open()
    assert list(stream)[-1].finish_reason is FinishReason.STOP
    admission.leave()
    draining.join(5)
    assert not draining.is_alive()


def test_what_outlasts_the_drain_gets_a_typed_end() -> None:
    engine = FakeEngine("x" * 1000, tokens_per_second=10)
    lifecycle, admission = lifecycle_of(engine, drain_s=0.1)
    lifecycle.start(never)
    wait_for(lifecycle, Phase.SERVING)
    admission.enter()
    stream = engine.submit("hi", SamplingParams(max_tokens=1000))

    def read() -> None:
        reasons.append(list(stream)[-1].finish_reason)
        admission.leave()

    reasons: list[FinishReason | None] = []
    reader = threading.Thread(target=read)
    reader.start()
    lifecycle.drain()
    reader.join(5)
    assert reasons == [FinishReason.SHUTDOWN]


def test_a_server_that_is_stopped_while_it_loads_never_serves() -> None:
    engine = FakeEngine(load_seconds=0.1)
    lifecycle, _ = lifecycle_of(engine)
    lifecycle.start(never)
    lifecycle.drain()
    time.sleep(0.3)
    assert lifecycle.phase is Phase.DRAINING


def test_admission_counts_and_refuses() -> None:
    admission = Admission(1)
    admission.enter()
    with pytest.raises(Overloaded) as caught:
        admission.enter()
    assert caught.value.retry_after_ms
    assert not admission.wait_empty(0.01)
    admission.leave()
    assert admission.wait_empty(0.01)
