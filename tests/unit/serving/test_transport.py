"""The engine's process at the other end of the wire, and its end."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from serving.config import EngineConfig
from serving.engine.messages import Abort, Failed, Outbound
from serving.engine.transport import ProcessTransport

PATIENCE_S = 60.0


class Heard:
    """What a transport delivered."""

    def __init__(self, transport: ProcessTransport) -> None:
        self.failures: list[Failed] = []
        self.end: str | None = None
        self._ended = threading.Event()
        transport.start(self._message, self._end)

    def wait_for_the_end(self) -> str:
        assert self._ended.wait(PATIENCE_S), "nobody told of the end"
        assert self.end is not None
        return self.end

    def _message(self, message: Outbound) -> None:
        if isinstance(message, Failed):
            self.failures.append(message)

    def _end(self, how: str) -> None:
        self.end = how
        self._ended.set()


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[ProcessTransport]:
    """To an engine whose model folder is empty."""
    made = ProcessTransport(EngineConfig(model=str(tmp_path)))
    yield made
    _returns(made.close)


def _returns(call: object) -> None:
    thread = threading.Thread(target=call, daemon=True)  # type: ignore[arg-type]
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive(), "it never returns"


def test_an_engine_that_cannot_start_says_why_before_it_ends(transport: ProcessTransport) -> None:
    heard = Heard(transport)
    assert "status 1" in heard.wait_for_the_end()
    (failure,) = heard.failures
    assert "holds no config.json" in failure.message


def test_what_is_sent_to_an_engine_that_ended_does_not_wait_for_it(
    transport: ProcessTransport,
) -> None:
    heard = Heard(transport)
    os.kill(transport.pid, signal.SIGKILL)
    assert "status -9" in heard.wait_for_the_end()
    _returns(lambda: transport.send(Abort(["gone"])))
