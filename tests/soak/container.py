"""Stands in for the container: answers that can be foretold, and faults by chance.

An answer is made of the question alone, so that whoever reads it back knows what it must be, and
a continuation is the rest of the very same answer.
"""

from __future__ import annotations

import hashlib
import json
import random
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

WORDS = ("warm", "cold", "river", "stone", " light", "north", "zwölf", "漢字", "🎈🎈", "slow\n")


def answer_to(question: str) -> str:
    """The one answer to a question: 20 to 60 words."""
    digest = hashlib.sha256(question.encode()).digest()
    count = 20 + digest[0] % 41
    return " ".join(WORDS[digest[1 + index % 31] % len(WORDS)] for index in range(count)) + "."


class FaultyContainer(ThreadingHTTPServer):
    """Serves /invocations and /ping while its block runs.

    Args:
        chance: of each fault, from 0 to 1.
        pace_s: seconds between two pieces of an answer.
    """

    daemon_threads = True

    def __init__(self, seed: int, chance: float, *, pace_s: float = 0.004) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.random = random.Random(seed)
        self.chance = chance
        self.pace_s = pace_s
        self.faults: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self, *names: str) -> str | None:
        """One of these faults, or none."""
        for name in names:
            if self.random.random() < self.chance:
                self.faults[name] = self.faults.get(name, 0) + 1
                return name
        return None

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: callers that are killed leave broken connections behind."""

    def __enter__(self) -> FaultyContainer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyContainer

    def do_GET(self) -> None:
        self._whole(200, {})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.server.fault("429", "500", "cut", "reset", "stall", "no_receipt")
        if fault == "429":
            error = {"code": "overloaded", "message": "full", "retry_after_ms": 100}
            return self._whole(429, {"error": error})
        if fault == "500":
            return self._whole(500, {"error": {"code": "internal_error", "message": "no"}})
        self._stream(body, fault)

    def _stream(self, body: dict[str, Any], fault: str | None) -> None:
        messages = body["messages"]
        partial = messages.pop()["content"] if body.get("continue_final_message") else ""
        text = answer_to(messages[-1]["content"])
        left = text[len(partial) :] if text.startswith(partial) else f" ({text})"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        pieces = [left[start : start + 12] for start in range(0, len(left), 12)]
        stop_at = len(pieces) // 2 if fault in ("cut", "reset", "stall") else None
        for index, piece in enumerate(pieces):
            if index == stop_at:
                return self._break(fault)
            self._event({"object": "chat.completion.chunk", "choices": [_choice(piece, None)]})
            time.sleep(self.server.pace_s)
        self._event({"object": "chat.completion.chunk", "choices": [_choice("", "stop")]})
        if fault != "no_receipt":
            self._event(_receipt(messages, left))
        self._chunk(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _break(self, fault: str | None) -> None:
        self.close_connection = True
        if fault == "cut":
            self._chunk(b"")  # a clean end, which must not be taken for the answer's
        elif fault == "stall":
            time.sleep(3.0)

    def _event(self, content: dict[str, Any]) -> None:
        self._chunk(f"data: {json.dumps(content)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _whole(self, status: int, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: thousands of requests come."""


def _choice(text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}


def _receipt(messages: list[dict[str, str]], text: str) -> dict[str, Any]:
    prompt = sum(len(message["content"].split()) for message in messages)
    return {
        "object": "chat.completion.chunk",
        "choices": [],
        "receipt": {
            "instance": "soak",
            "finish_reason": "stop",
            "usage": {
                "prompt_tokens": prompt,
                "completion_tokens": len(text.split()),
                "total_tokens": prompt + len(text.split()),
                "prompt_tokens_details": {"cached_tokens": prompt // 2},
            },
            "queue_ms": 0.1,
            "prefill_ms": 0.1,
            "decode_ms": 0.1,
            "sha256": hashlib.sha256(text.encode()).hexdigest(),
        },
    }
