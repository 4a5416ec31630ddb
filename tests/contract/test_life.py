"""Start, overload, disconnects, the end: the server's life as a process."""

from __future__ import annotations

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from tests.contract.conftest import Server, StartServer

CHAT = {"messages": [{"role": "user", "content": "hi"}]}
STREAM = {**CHAT, "stream": True}
FakeModel = Callable[[str], Path]


def post(server: Server, body: dict[str, Any], **options: Any) -> requests.Response:
    return requests.post(f"{server.url}/invocations", json=body, timeout=60, **options)


def events_of(text: str) -> list[str]:
    return [event.removeprefix("data: ") for event in text.split("\n\n") if event]


def has_ended(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE  # nobody may be there to collect it
    except psutil.NoSuchProcess:
        return True


def test_ping_says_loading_until_the_engine_is_ready(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(fake_model("'x', load_seconds=2"), wait=False)
    assert server.wait_for(lambda: server.ping() is not None, 20)
    response = server.ping()
    assert response is not None
    assert response.status_code == 503
    assert "loading" in response.json()["reason"]
    refused = post(server, CHAT)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
    server.wait_ready()
    assert post(server, CHAT).status_code == 200


def test_a_code_folder_in_which_nothing_resolves_fails_the_start(
    start_server: StartServer, tmp_path: Path
) -> None:
    (tmp_path / "model" / "code").mkdir(parents=True)
    (tmp_path / "model" / "code" / "infer.py").write_text("")
    server = start_server(tmp_path / "model", wait=False)
    assert server.process.wait(timeout=30) != 0
    assert "has no inference.py" in server.log
    assert "infer.py" in server.log


def test_an_engine_that_cannot_load_fails_the_start(
    start_server: StartServer, tmp_path: Path
) -> None:
    code = tmp_path / "model" / "code"
    code.mkdir(parents=True)
    (code / "inference.py").write_text(
        "from serving.engine.protocol import EngineState\n"
        "from serving.testing import FakeEngine\n"
        "def model_fn(model_dir):\n"
        "    engine = FakeEngine()\n"
        "    engine.become(EngineState.DEAD, 'the weights are corrupt')\n"
        "    return engine\n"
    )
    server = start_server(tmp_path / "model", wait=False)
    assert server.process.wait(timeout=30) != 0
    assert "the weights are corrupt" in server.log


def test_a_wrong_setting_ends_it_with_one_sentence(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(fake_model(""), {"KEEPWARM_DRAIN_SECONDS": "soon"}, wait=False)
    assert server.process.wait(timeout=30) == 2
    assert "KEEPWARM_DRAIN_SECONDS='soon' must be a number" in server.log
    assert "Traceback" not in server.log


@pytest.mark.parametrize(
    "engine",
    ["'x' * 500, tokens_per_second=10", "'x', first_token_seconds=50"],
    ids=["while it decodes", "while it waits"],
)
@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "streamed"])
def test_a_client_that_goes_away_ends_its_request(
    start_server: StartServer, fake_model: FakeModel, engine: str, body: dict[str, Any]
) -> None:
    server = start_server(fake_model(engine), {"KEEPWARM_WARMUP_TOKENS": "0"})
    host, port = server.url.removeprefix("http://").split(":")
    payload = json.dumps(body).encode()
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            b"POST /invocations HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
            b"Content-Length: " + str(len(payload)).encode() + b"\r\n\r\n" + payload
        )
        assert server.wait_for(lambda: server.metric("keepwarm:num_requests_running") == 1)
    assert server.wait_for(lambda: server.metric("keepwarm:num_requests_running") == 0, 3)
    assert server.wait_for(lambda: server.metric("keepwarm:http_requests_active") == 0, 3)
    assert server.outcome("client_gone") == 1


def test_an_engine_that_dies_in_mid_stream_is_said_in_the_stream(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'Hello', faults=FakeFaults(die_after=3)"), {"KEEPWARM_WARMUP_TOKENS": "0"}
    )
    events = events_of(post(server, STREAM).text)
    assert json.loads(events[-1])["error"]["code"] == "engine_dead"
    assert "[DONE]" not in events
    response = server.ping()
    assert response is not None
    assert response.status_code == 503
    assert post(server, CHAT).json()["error"]["code"] == "engine_dead"


def test_beyond_its_limit_it_says_429_in_milliseconds(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'x' * 500, tokens_per_second=20"), {"KEEPWARM_MAX_CONCURRENT": "2"}
    )
    with post(server, STREAM, stream=True), post(server, STREAM, stream=True):
        refused = post(server, CHAT)
        assert server.metric("keepwarm:num_requests_running") == 2  # it did not wait for them
        assert refused.status_code == 429
        assert refused.json()["error"]["retry_after_ms"] > 0
        assert refused.headers["Retry-After"]
        response = server.ping()
        assert response is not None
        assert response.status_code == 200


def test_sigterm_lets_what_runs_end_and_refuses_the_rest(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'x' * 30, tokens_per_second=20"), {"KEEPWARM_WARMUP_TOKENS": "1"}
    )
    with post(server, STREAM, stream=True) as response:
        server.process.send_signal(signal.SIGTERM)
        assert server.wait_for(lambda: (ping := server.ping()) is None or ping.status_code == 503)
        refused = post(server, CHAT)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
        events = events_of(response.raw.read(decode_content=True).decode())
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["receipt"]["finish_reason"] == "stop"
    assert server.process.wait(timeout=10) == 0


def test_what_outlasts_the_drain_gets_a_typed_end(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'x' * 900, tokens_per_second=10"),
        {"KEEPWARM_DRAIN_SECONDS": "1", "KEEPWARM_WARMUP_TOKENS": "1"},
    )
    with post(server, STREAM, stream=True) as response:
        server.process.send_signal(signal.SIGTERM)
        events = events_of(response.raw.read(decode_content=True).decode())
    assert events[-1] == "[DONE]"
    assert json.loads(events[-2])["receipt"]["finish_reason"] == "shutdown"
    assert server.process.wait(timeout=20) == 0


def test_a_worker_whose_first_process_was_killed_ends_by_itself(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'x' * 900, tokens_per_second=10"), {"KEEPWARM_WARMUP_TOKENS": "1"}
    )
    (worker,) = psutil.Process(server.process.pid).children()
    with post(server, STREAM, stream=True) as response:
        server.process.kill()
        events = events_of(response.raw.read(decode_content=True).decode())
    assert json.loads(events[-2])["receipt"]["finish_reason"] == "shutdown"
    assert server.wait_for(lambda: has_ended(worker), 20)


def test_an_interrupt_ends_it_at_once(start_server: StartServer, fake_model: FakeModel) -> None:
    server = start_server(
        fake_model("'x' * 900, tokens_per_second=10"), {"KEEPWARM_WARMUP_TOKENS": "1"}
    )
    with post(server, STREAM, stream=True):
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=10) == 0


def test_the_deadline_cuts_an_answer_that_is_not_streamed(
    start_server: StartServer, fake_model: FakeModel
) -> None:
    server = start_server(
        fake_model("'x' * 900, tokens_per_second=20"),
        {"KEEPWARM_DEADLINE_SECONDS": "1", "KEEPWARM_WARMUP_TOKENS": "1"},
    )
    answer = post(server, CHAT).json()
    assert answer["choices"][0]["finish_reason"] == "deadline"
    assert answer["receipt"]["finish_reason"] == "deadline"


def test_many_streams_do_not_delay_ping(start_server: StartServer, fake_model: FakeModel) -> None:
    streams = 256
    server = start_server(
        fake_model("'x' * 20, tokens_per_second=5"), {"KEEPWARM_WARMUP_TOKENS": "1"}
    )
    receipts: list[bool] = []

    def read() -> None:
        receipts.append("[DONE]" in post(server, STREAM).text)

    threads = [threading.Thread(target=read) for _ in range(streams)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        response = server.ping()  # gives up after the 2 s that SageMaker gives it
        assert response is not None
        assert response.status_code == 200
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert receipts == [True] * streams
