"""What goes on inside, live, for the page 'Under the hood': containers, parts, telemetry.

    containers --/ping, /metrics, /kv--> snapshot
    supervisor --state file------------> snapshot
    consumer  ---telemetry file--------> events (server-sent)

Nothing here is made up: what cannot be had is null.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from local.gateway.settings import GatewaySettings
from local.telemetry_file import TelemetryReader

FRESH_S = 0.25
ASK_AGAIN_S = 5.0
CALL_TIMEOUT_S = 1.5
MAX_ANSWER = 4 * 1024 * 1024
PING_S = 10.0
POLL_S = 0.2
MAX_CONTAINERS = 8


class Hood:
    """Collects. Safe for threads: many pages that look at once cost the containers one look.

    Args:
        settings: names the containers and the files.
        function: whose environments are counted, if it has any.
    """

    def __init__(self, settings: GatewaySettings, function: object = None) -> None:
        self._containers = [
            _Container(name, url)
            for name, url in list(settings.containers.items())[:MAX_CONTAINERS]
        ]
        self._parts_file = settings.parts_file
        self._telemetry_file = settings.telemetry_file
        self._function = function
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._pool = ThreadPoolExecutor(MAX_CONTAINERS, thread_name_prefix="hood")
        self._last: tuple[float, dict[str, Any]] | None = None

    def snapshot(self) -> dict[str, Any]:
        """Containers with metrics and KV blocks, and all parts."""
        with self._lock:
            if self._last is None or time.monotonic() - self._last[0] > FRESH_S:
                self._last = (time.monotonic(), self._look())
            return self._last[1]

    def events(self, last_id: str = "") -> Iterator[bytes]:
        """Telemetry as it passes, as server-sent events: `telemetry` and `emf`.

        Args:
            last_id: of the last event that the reader has; the newest few come again without.
        """
        reader = TelemetryReader(self._telemetry_file, last_id)
        yield b": here\n\n"
        silent_since = time.monotonic()
        while not self._closed.is_set():
            for line in reader.read():
                yield b"id: %b\nevent: %b\ndata: %b\n\n" % (line.id, line.kind, line.data)
                silent_since = time.monotonic()
            if time.monotonic() - silent_since > PING_S:
                yield b": ping\n\n"
                silent_since = time.monotonic()
            self._closed.wait(POLL_S)

    def close(self) -> None:
        """End the streams."""
        self._closed.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _look(self) -> dict[str, Any]:
        looked = list(self._pool.map(_Container.look, self._containers))
        return {
            "at_ms": int(time.time() * 1000),
            "containers": looked,
            "parts": _parts(self._parts_file),
            "lambda": self._environments(),
        }

    def _environments(self) -> dict[str, int] | None:
        """How many execution environments there are, and how many of them are at work."""
        environments = getattr(self._function, "environments", None)
        settings = getattr(self._function, "settings", None)
        if environments is None or settings is None:
            return None
        return {
            "environments": len(environments),
            "busy": sum(1 for one in environments if not one.api.idle),
            "limit": settings.max_environments,
        }


class _Container:
    """One container, asked over HTTP."""

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._no_blocks_until = 0.0

    def look(self) -> dict[str, Any]:
        """Health, metrics as they are, and blocks by session where the container tells them."""
        status, _ = self._get("/ping")
        got, text = self._get("/metrics") if status else (0, b"")
        return {
            "name": self.name,
            "healthy": status == 200,
            "metrics": text.decode(errors="replace") if got == 200 else "",
            "kv": self._blocks() if status == 200 else None,
        }

    def _blocks(self) -> Any:
        if time.monotonic() < self._no_blocks_until:
            return None
        status, text = self._get("/kv")
        if status != 200:
            self._no_blocks_until = time.monotonic() + ASK_AGAIN_S
            return None
        content = _json(text)
        return content if isinstance(content, dict) else None

    def _get(self, path: str) -> tuple[int, bytes]:
        """Status and body; (0, b"") where nobody answers."""
        connection = http.client.HTTPConnection(*self._address, timeout=CALL_TIMEOUT_S)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(MAX_ANSWER)
        except (OSError, http.client.HTTPException):
            return 0, b""
        finally:
            connection.close()


def _parts(path: Path | None) -> list[dict[str, Any]]:
    """Name, state, time of its last change and port of each part."""
    try:
        content = _json(path.read_bytes()) if path is not None else None
    except OSError:
        content = None
    entries = content.get("parts") if isinstance(content, Mapping) else None
    shown = ("name", "state", "since_ms", "port")
    return [
        {name: entry.get(name) for name in shown}
        for entry in entries or []
        if isinstance(entry, Mapping)
    ]


def _json(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None
