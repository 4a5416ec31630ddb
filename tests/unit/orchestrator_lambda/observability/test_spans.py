from __future__ import annotations

import threading
from typing import Any

import pytest

from orchestrator_lambda.errors import TurnInProgress
from orchestrator_lambda.observability import spans
from orchestrator_lambda.observability.spans import carried, span

TRACED = "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1"
LATER = TRACED.replace("67891233", "67891299")
WORDS = "my secret words"


class Subsegment:
    def __init__(self, name: str) -> None:
        self.name = name
        self.annotations: dict[str, Any] = {}
        self.status = 200
        self.ended = False

    def put_annotation(self, name: str, value: Any) -> None:
        self.annotations[name] = value

    def apply_status_code(self, status: int) -> None:
        self.status = status


class Recorder:
    """Like X-Ray's: what is current is known to each thread alone."""

    def __init__(self) -> None:
        self.begun: list[Subsegment] = []
        self.broken = False
        self._local = threading.local()

    def begin_subsegment(self, name: str) -> Subsegment:
        if self.broken:
            raise RuntimeError(WORDS)
        self.begun.append(Subsegment(name))
        self._open().append(self.begun[-1])
        return self.begun[-1]

    def get_trace_entity(self) -> Subsegment | None:
        return self._open()[-1] if self._open() else None

    def end_subsegment(self) -> None:
        self._open().pop().ended = True

    def _open(self) -> list[Subsegment]:
        return self._local.__dict__.setdefault("entities", [])


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    found = Recorder()
    monkeypatch.setattr(spans, "_made", lambda: found)
    monkeypatch.setenv("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACED)
    return found


def run(work: Any) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_block_is_a_span_with_annotations(recorder: Recorder) -> None:
    with span("commit", outcome="complete") as commit:
        commit.annotate(attempts=2)
    (only,) = recorder.begun
    assert (only.name, only.ended, only.status) == ("commit", True, 200)
    assert only.annotations == {"outcome": "complete", "attempts": 2}


def test_of_an_exception_there_is_the_type(recorder: Recorder) -> None:
    with pytest.raises(ValueError, match="secret"), span("commit"):
        raise ValueError(WORDS)
    (only,) = recorder.begun
    assert (only.ended, only.status) == (True, 500)
    assert only.annotations == {"error_type": "ValueError"}


def test_an_error_of_the_callers_is_no_fault_of_ours(recorder: Recorder) -> None:
    with pytest.raises(TurnInProgress), span("begin turn"):
        raise TurnInProgress("the conversation is being answered")
    assert recorder.begun[0].status == 409


def test_words_do_not_pass_as_annotations(recorder: Recorder) -> None:
    with span("commit", text="secret", outcome=WORDS):
        pass
    assert "secret" not in str(recorder.begun[0].annotations)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("_X_AMZN_TRACE_ID", ""),
        ("_X_AMZN_TRACE_ID", TRACED.replace("Sampled=1", "Sampled=0")),
        ("_X_AMZN_TRACE_ID", "Root=1-67891233-abcdef012345678912345678"),
        ("AWS_XRAY_DAEMON_ADDRESS", ""),
    ],
)
def test_where_lambda_does_not_trace_there_are_none(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with span("commit") as commit:
        commit.annotate(attempts=1)
    assert recorder.begun == []


def test_a_carried_thread_records(recorder: Recorder) -> None:
    def work() -> None:
        with span("backend"):
            pass

    run(carried(work))
    assert [one.ended for one in recorder.begun] == [True]


def test_a_thread_that_outlives_its_invocation_records_nothing(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work() -> None:
        with span("backend"):
            pass
        run(carried(work_of_its_own))

    def work_of_its_own() -> None:
        with span("opening"):
            pass

    kept = carried(work)
    monkeypatch.setenv("_X_AMZN_TRACE_ID", LATER)
    run(kept)
    assert recorder.begun == []


def test_a_span_that_ends_in_another_thread_harms_nobody(recorder: Recorder) -> None:
    def generator() -> Any:
        with span("backend"):
            yield

    begun = generator()
    run(lambda: next(begun))
    with span("commit"):
        begun.close()
    assert [(one.name, one.ended) for one in recorder.begun] == [
        ("backend", False),
        ("commit", True),
    ]


def test_work_goes_on_where_recording_fails(recorder: Recorder) -> None:
    recorder.broken = True
    with span("commit") as commit:
        commit.annotate(attempts=1)
