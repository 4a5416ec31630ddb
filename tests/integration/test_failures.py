"""What a client sees when itself, the server or the engine ends in the middle of an answer."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import requests

from tests.support.live_server import LiveServer, wait_until

LONG: dict[str, Any] = {
    "messages": [{"role": "user", "content": "Count the stars."}],
    "temperature": 0,
    "max_tokens": 2000,
    "ignore_eos": True,
}


def open_stream(server: LiveServer, **changes: Any) -> requests.Response:
    body = {**LONG, "stream": True, **changes}
    return requests.post(
        f"{server.url}/v1/chat/completions", json=body, stream=True, timeout=(5, 60)
    )


def events(response: requests.Response) -> Iterator[str]:
    for line in response.iter_lines():
        if line:
            yield line.decode().removeprefix("data: ")


def test_a_client_that_leaves_a_stream_frees_its_blocks(server: LiveServer) -> None:
    with closing(open_stream(server)) as response:
        lines = events(response)  # kept: a generator that goes away closes the connection
        next(lines)
        wait_until(lambda: server.metric("keepwarm:num_requests_running") == 1)
    wait_until(lambda: server.metric("keepwarm:num_requests_running") == 0)


def test_a_client_that_gives_up_on_a_whole_answer_frees_its_blocks(server: LiveServer) -> None:
    try:
        requests.post(f"{server.url}/v1/chat/completions", json=LONG, timeout=(5, 1.5))
    except requests.Timeout:
        pass
    else:
        raise AssertionError("the answer came too soon for this test")
    wait_until(lambda: server.metric("keepwarm:num_requests_running") == 0)


def test_a_killed_engine_ends_the_stream_with_a_typed_error(own_server: LiveServer) -> None:
    with closing(open_stream(own_server)) as response:
        lines = events(response)
        next(lines)
        os.kill(own_server.engine_pid(), signal.SIGKILL)
        rest = list(lines)
    assert json.loads(rest[-1])["error"]["code"] == "engine_dead"
    assert "[DONE]" not in rest, "a broken stream must not look complete"
    assert own_server.ping() in (0, 503)
    own_server.process.send_signal(signal.SIGTERM)
    assert own_server.process.wait(20) == 0, "it waited for an engine that is dead"


def test_a_stuck_engine_fails_the_ping_and_recovers(own_server: LiveServer) -> None:
    pid = own_server.engine_pid()
    os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: own_server.ping() == 503)
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: own_server.ping() == 200)


def test_sigterm_lets_a_running_answer_end(own_server: LiveServer) -> None:
    with closing(open_stream(own_server, max_tokens=40)) as response:
        lines = events(response)
        next(lines)
        own_server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: own_server.ping() in (0, 503))
        rest = list(lines)
    assert rest[-1] == "[DONE]"
    assert json.loads(rest[-2])["receipt"]["finish_reason"] == "length"
    assert own_server.process.wait(30) == 0


def test_sigterm_cuts_what_outlasts_the_drain(default_model: Any, tmp_path: Any) -> None:
    with LiveServer(default_model, tmp_path / "log", KEEPWARM_DRAIN_SECONDS="1") as server:
        engine = server.engine_pid()
        with closing(open_stream(server)) as response:
            lines = events(response)
            next(lines)
            server.process.send_signal(signal.SIGTERM)
            rest = list(lines)
        assert json.loads(rest[-2])["receipt"]["finish_reason"] == "shutdown"
        server.process.wait(20)
        assert not os.path.exists(f"/proc/{engine}"), "the engine outlived its server"
