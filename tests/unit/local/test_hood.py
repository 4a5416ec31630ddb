"""What goes on inside, as the page under the hood is told; containers and files are made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from local.gateway.settings import GatewaySettings
from local.hood import Hood
from local.telemetry_file import EMF, TELEMETRY, TelemetryWriter
from tests.support.fake_function import FakeFunction

Container = Callable[[dict[str, tuple[int, str]]], str]


@pytest.fixture
def container() -> Iterator[Container]:
    """container(answers by path) -> URL."""
    with ExitStack() as stack:

        def start(answers: dict[str, tuple[int, str]]) -> str:
            class Handler(BaseHTTPRequestHandler):
                def do_GET(self) -> None:
                    asked.append(self.path)
                    status, text = answers.get(self.path, (404, ""))
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(text.encode())))
                    self.end_headers()
                    self.wfile.write(text.encode())

                def log_message(self, format: str, *args: object) -> None:
                    pass

            server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
            stack.callback(server.shutdown)
            Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
            return f"http://127.0.0.1:{server.server_address[1]}"

        asked: list[str] = []
        yield start


def hood_of(**settings: object) -> Hood:
    return Hood(GatewaySettings(**settings), FakeFunction())  # type: ignore[arg-type]


def test_a_container_is_shown_as_it_says_itself(container: Container) -> None:
    url = container(
        {
            "/ping": (200, ""),
            "/metrics": (200, "keepwarm_running 1\n"),
            "/kv": (200, '{"blocks": 5}'),
        }
    )
    (shown,) = hood_of(containers={"container": url}).snapshot()["containers"]
    assert shown == {
        "name": "container",
        "healthy": True,
        "metrics": "keepwarm_running 1\n",
        "kv": {"blocks": 5},
    }


@pytest.mark.parametrize("kv", [(404, ""), (200, "nonsense"), (200, "[1]")])
def test_what_it_does_not_tell_is_null(container: Container, kv: tuple[int, str]) -> None:
    url = container({"/ping": (200, ""), "/metrics": (500, "x"), "/kv": kv})
    (shown,) = hood_of(containers={"container": url}).snapshot()["containers"]
    assert (shown["healthy"], shown["metrics"], shown["kv"]) == (True, "", None)


def test_one_that_loads_still_is_not_healthy(container: Container) -> None:
    url = container({"/ping": (503, ""), "/metrics": (200, "a 1\n")})
    (shown,) = hood_of(containers={"container": url}).snapshot()["containers"]
    assert (shown["healthy"], shown["metrics"], shown["kv"]) == (False, "a 1\n", None)


def test_one_that_is_gone_is_not_healthy() -> None:
    (shown,) = hood_of(containers={"gone": "http://127.0.0.1:9"}).snapshot()["containers"]
    assert shown == {"name": "gone", "healthy": False, "metrics": "", "kv": None}


def test_many_lookers_cost_one_look(container: Container) -> None:
    url = container({"/ping": (200, "")})
    hood = hood_of(containers={"container": url})
    assert hood.snapshot() is hood.snapshot()


def test_parts_are_what_the_supervisor_wrote(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    part = {"name": "redis", "state": "up", "since_ms": 5, "port": 6379, "pid": 1, "title": "x"}
    file.write_text(json.dumps({"pid": 1, "parts": [part, "odd"]}))
    assert hood_of(parts_file=file).snapshot()["parts"] == [
        {"name": "redis", "state": "up", "since_ms": 5, "port": 6379}
    ]


@pytest.mark.parametrize("content", ["", "[]", '{"parts": null}'])
def test_without_a_supervisor_there_are_no_parts(tmp_path: Path, content: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(content)
    assert hood_of(parts_file=file).snapshot()["parts"] == []
    assert hood_of(parts_file=tmp_path / "none").snapshot()["parts"] == []


def test_events_pass_as_they_are_written_and_go_on_after_the_last_one_seen(tmp_path: Path) -> None:
    file = tmp_path / "telemetry"
    writer = TelemetryWriter(file)
    writer.write(TELEMETRY, [{"turn": 1}])
    hood = hood_of(telemetry_file=file)
    events = hood.events()
    assert next(events) == b": here\n\n"
    first = next(events)
    assert first.endswith(b'\nevent: telemetry\ndata: {"turn":1}\n\n')
    writer.write(EMF, [{"_aws": {}}])
    assert next(events).endswith(b'\nevent: emf\ndata: {"_aws":{}}\n\n')
    last_id = first.split(b"\n")[0].removeprefix(b"id: ").decode()
    again = hood.events(last_id)
    next(again)
    assert b"event: emf" in next(again)
    hood.close()
    assert list(events) == []
