"""The server as a child: waited for, watched, always stopped."""

from __future__ import annotations

import io
import os
import socket
import sys
import time
from pathlib import Path

import pytest

from cli import server_process
from cli.errors import CliError
from cli.network import free_port, require_free
from cli.progress import Reporter
from cli.server_process import ServerProcess

PING = """
import http.server, subprocess, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response({status}); self.send_header("Content-Length", "0"); self.end_headers()
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""


def run_instead(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    monkeypatch.setattr(
        server_process,
        "server_command",
        lambda model, port: [sys.executable, "-c", program, str(port)],
    )


def group_is_gone(process_id: int) -> bool:
    for _ in range(100):
        try:
            os.killpg(process_id, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_it_is_ready_when_ping_says_so_and_all_of_it_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run_instead(monkeypatch, PING.format(status=200))
    with ServerProcess(Path("model"), Reporter(io.StringIO())) as server:
        server.wait_ready()
        process_id = server._process.pid
    assert group_is_gone(process_id)


def test_an_interruption_stops_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, PING.format(status=503))
    with (
        pytest.raises(KeyboardInterrupt),
        ServerProcess(Path("model"), Reporter(io.StringIO())) as server,
    ):
        process_id = server._process.pid
        raise KeyboardInterrupt
    assert group_is_gone(process_id)


def test_one_that_ends_at_start_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "print('no such architecture'); raise SystemExit(3)")
    said = io.StringIO()
    with (
        ServerProcess(Path("model"), Reporter(said)) as server,
        pytest.raises(CliError, match=r"the server ended \(exit code 3\)"),
    ):
        server.wait_ready()
    assert "no such architecture" in said.getvalue()


def test_one_that_was_killed_says_by_what(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, "import os; os.kill(os.getpid(), 9)")
    with (
        ServerProcess(Path("model"), Reporter(io.StringIO())) as server,
        pytest.raises(CliError, match="killed by SIGKILL"),
    ):
        server.wait_ready()


def test_one_that_never_gets_ready_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    run_instead(monkeypatch, PING.format(status=503))
    monkeypatch.setattr(server_process, "START_LIMIT_S", 0.3)
    with (
        ServerProcess(Path("model"), Reporter(io.StringIO())) as server,
        pytest.raises(CliError, match="was not ready after"),
    ):
        server.wait_ready()


class TestPorts:
    def test_a_taken_port(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(CliError, match=f"port {port} is taken by another program"):
                require_free("127.0.0.1", port)
            with pytest.raises(CliError, match="is taken"):
                ServerProcess(Path("model"), Reporter(io.StringIO()), port)

    def test_a_host_that_is_not_here(self) -> None:
        with pytest.raises(CliError, match=r"cannot listen on 203\.0\.113\.1:8080"):
            require_free("203.0.113.1", 8080)

    def test_a_free_one(self) -> None:
        require_free("127.0.0.1", free_port("127.0.0.1"))
