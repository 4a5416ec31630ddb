"""A tiny server that answers chat completions by a script: bytes, pauses and cuts as told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Pause:
    """Seconds without a byte."""

    seconds: float


@dataclass(frozen=True)
class Reply:
    """One answer: status, then pieces of the body, written and flushed one by one."""

    pieces: Sequence[bytes | Pause]
    status: int = 200
    breaks_off: bool = False  # close the connection without ending the body


Script = Callable[[dict[str, Any]], Reply]


@dataclass
class ScriptedServer:
    """Where it listens and what it was asked."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def serving(script: Script) -> Iterator[ScriptedServer]:
    """Serve on a loopback port while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state.requests.append(body)
            try:
                self._write(script(body))
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _write(self, reply: Reply) -> None:
            self.send_response(reply.status)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for piece in reply.pieces:
                if isinstance(piece, Pause):
                    time.sleep(piece.seconds)
                else:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                    self.wfile.flush()
            if reply.breaks_off:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # the default of 5 loses connections that come all at once

    server = Server(("127.0.0.1", 0), Handler)
    state = ScriptedServer(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def event(payload: dict[str, Any] | str) -> bytes:
    """One server-sent event."""
    text = payload if isinstance(payload, str) else json.dumps(payload, ensure_ascii=False)
    return f"data: {text}\n\n".encode()


def delta(text: str, finish_reason: str | None = None) -> bytes:
    """The event of a piece of text."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return event({"choices": [choice]})


def usage(prompt: int, completion: int, cached: int | None = None) -> bytes:
    """The event of the usage, as the last one before `[DONE]`."""
    counts: dict[str, Any] = {"prompt_tokens": prompt, "completion_tokens": completion}
    if cached is not None:
        counts["prompt_tokens_details"] = {"cached_tokens": cached}
    return event({"choices": [], "usage": counts})


def answer(*texts: str, cached: int | None = None) -> list[bytes]:
    """A whole answer, one event to a piece."""
    opening = event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]})
    deltas = [delta(text) for text in texts]
    closing = [delta("", "length"), usage(100, len(texts), cached), event("[DONE]")]
    return [opening, *deltas, *closing]


def cut_every(pieces: Sequence[bytes], size: int) -> list[bytes]:
    """The same bytes, cut without regard to events, lines or characters."""
    whole = b"".join(pieces)
    return [whole[start : start + size] for start in range(0, len(whole), size)]
