"""A next turn that is sent at once joins before the others' next step, whatever carries it.

The wait is longer here than it ever is, so that a busy machine changes nothing.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zmq

from serving.engine import anticipation, process
from serving.engine.loop import EngineLoop
from serving.engine.messages import Inbound, Outbound, Step, Stop, encoder
from serving.engine.transport import ThreadTransport
from serving.request import EngineRequest, EngineStats, FinishReason, TokenDelta
from serving.sampling_params import SamplingParams
from serving.testing.byte_tokenizer import ByteTokenizer
from tests.unit.serving.thread_client import info_of

STEP_S, ANSWER_S = 0.01, 0.002


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anticipation, "LONGEST_S", 20.0)
    monkeypatch.setattr(anticipation, "SHARE", 20.0 / STEP_S)


class TwoSpeak:
    """`long` runs and never ends; every other request ends with its first step."""

    has_work = True

    def __init__(self) -> None:
        self.log: list[str] = []
        self._live = ["long"]

    def add(self, one: EngineRequest) -> None:
        self.log.append(one.request_id)
        self._live.append(one.request_id)

    def abort(self, request_id: str) -> None:
        raise AssertionError("nobody aborts")

    def step(self) -> list[TokenDelta]:
        self.log.append("step")
        time.sleep(STEP_S)
        ended = [name for name in self._live if name != "long"]
        self._live = ["long"]
        end = FinishReason.STOP
        return [TokenDelta(request_id=name, token_ids=[1], finish_reason=end) for name in ended]

    def stats(self) -> EngineStats:
        return EngineStats()

    def kv_usage(self) -> None:
        return None


def request(name: str) -> EngineRequest:
    return EngineRequest(
        request_id=name, prompt_token_ids=[1], sampling=SamplingParams(max_tokens=9)
    )


class Client:
    """Sends the next turn shortly after the end of the last one; five in all."""

    def __init__(self) -> None:
        self.send: Callable[[Inbound], None]
        self.turns = 1

    def hear(self, message: Outbound) -> None:
        if isinstance(message, Step) and any(delta.finish_reason for delta in message.deltas):
            threading.Thread(target=self._answer).start()

    def _answer(self) -> None:
        time.sleep(ANSWER_S)
        self.turns += 1
        self.send(Stop() if self.turns > 5 else request(f"turn {self.turns}"))


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """Both ends of the wire to an engine's process."""
    context = zmq.Context()
    sender, receiver = context.socket(zmq.PUSH), context.socket(zmq.PULL)
    receiver.bind(f"ipc://{tmp_path}/in")
    sender.connect(f"ipc://{tmp_path}/in")
    yield sender, receiver
    context.destroy(linger=0)


JOINED_AT_ONCE = [entry for turn in range(1, 6) for entry in (f"turn {turn}", "step")]


def assert_no_step_without_a_turn(log: list[str]) -> None:
    assert log[log.index("turn 1") :] == JOINED_AT_ONCE


def test_over_the_wire(inbox: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    sender, receiver = inbox
    core, client = TwoSpeak(), Client()
    client.send = lambda message: sender.send(encoder.encode(message))
    client.send(request("turn 1"))
    EngineLoop(core, lambda wait_s: process._receive(receiver, wait_s), client.hear).run()
    assert_no_step_without_a_turn(core.log)


def test_on_a_thread() -> None:
    core, client = TwoSpeak(), Client()
    ended = threading.Event()
    transport = ThreadTransport(core, info_of(ByteTokenizer()))
    client.send = transport.send
    client.send(request("turn 1"))
    transport.start(client.hear, lambda _: ended.set())
    assert ended.wait(30)
    assert_no_step_without_a_turn(core.log)
