from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.errors import PeerFailed
from benchmarks.own_cost.lean import tokens_per_second


class Answers(BaseHTTPRequestHandler):
    """Streams what the body names: a whole answer, half of one, or a refusal."""

    def do_POST(self) -> None:
        wanted = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(429 if "refuse" in wanted else 200)
        self.end_headers()
        self.wfile.write(b'data: {"choices": []}\n\n')
        if "half" not in wanted:
            self.wfile.write(b'data: {"usage":{"completion_tokens":7}}\n\ndata: [DONE]\n\n')

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_tokens_of_all_answers_count(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter((10.0, 12.0))
    monkeypatch.setattr("benchmarks.own_cost.lean.time.perf_counter", lambda: next(now))
    assert tokens_per_second(url, [{"n": 1}, {"n": 2}]) == 7.0


@pytest.mark.parametrize("kind", ["half", "refuse"])
def test_what_is_no_whole_answer_is_no_measurement(url: str, kind: str) -> None:
    with pytest.raises(PeerFailed, match="no whole answer: HTTP"):
        tokens_per_second(url, [{"n": 1}, {"kind": kind}])
