"""Telemetry on its way to the page under the hood: a file that one process writes and others read.

A line is `{"kind": "telemetry" | "emf", "data": {...}}`. When the file is large it is put aside and
begun anew; a reader ends the old one and goes on in the new one. An event's id is the file's number
and the place behind its line, so that a reader who comes back misses nothing that is still there.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TELEMETRY, EMF = "telemetry", "emf"
MAX_FILE = 8 * 1024 * 1024
REPLAYED = 64 * 1024
READ_AT_ONCE = 1024 * 1024

_ID = re.compile(r"(\d{1,20})-(\d{1,15})")


def aside(path: Path) -> Path:
    """Where a file goes when it is large."""
    return path.with_name(f"{path.name}.old")


class TelemetryWriter:
    """Appends lines, each whole."""

    def __init__(self, path: Path, max_bytes: int = MAX_FILE) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._lock = threading.Lock()

    def write(self, kind: str, documents: Iterable[Any]) -> None:
        """Append documents of one kind."""
        lines = [
            json.dumps({"kind": kind, "data": item}, separators=(",", ":")) for item in documents
        ]
        if not lines:
            return
        with self._lock:
            if self._path.exists() and self._path.stat().st_size > self._max_bytes:
                self._path.replace(aside(self._path))
            with self._path.open("ab") as file:
                file.write("".join(f"{line}\n" for line in lines).encode())


@dataclass(frozen=True)
class Line:
    """One document, ready to be sent."""

    id: bytes
    kind: bytes
    data: bytes


class TelemetryReader:
    """Reads what is new since the last time.

    Args:
        path: need not exist yet; None for no file at all.
        last_id: where an earlier reader stopped; without one the newest few lines come first.
    """

    def __init__(self, path: Path | None, last_id: str = "") -> None:
        self._path = path
        known = _ID.fullmatch(last_id)
        self._file_number = int(known[1]) if known else None
        self._place = int(known[2]) if known else 0
        self._skipping = False

    def read(self) -> list[Line]:
        """The lines that are whole by now; none where there is nothing new."""
        if self._path is None:
            return []
        return [*self._rest_of_old(self._path), *self._read(self._path)]

    def _rest_of_old(self, path: Path) -> list[Line]:
        """What was written behind this reader's place before the file was put aside."""
        old = aside(path)
        try:
            put_aside = old.stat().st_ino == self._file_number
        except OSError:
            return []
        return self._read(old) if put_aside else []

    def _read(self, path: Path) -> list[Line]:
        try:
            with path.open("rb") as file:
                status = os.fstat(file.fileno())
                self._settle(status.st_ino, status.st_size)
                file.seek(self._place)
                data = file.read(READ_AT_ONCE)
        except OSError:
            return []
        if self._skipping:
            _, _, rest = data.partition(b"\n")
            self._place += len(data) - len(rest)
            data, self._skipping = rest, False
        return list(self._lines(data[: data.rfind(b"\n") + 1]))

    def _settle(self, number: int, size: int) -> None:
        """Begin a file: at the lines worth seeing, or, after another file, at its start."""
        if self._file_number == number and self._place <= size:
            return
        first = self._file_number is None
        self._place = max(0, size - REPLAYED) if first else 0
        self._skipping = self._place > 0
        self._file_number = number

    def _lines(self, data: bytes) -> Iterable[Line]:
        for raw in data.splitlines(keepends=True):
            self._place += len(raw)
            try:
                content = json.loads(raw)
                kind, document = content["kind"], content["data"]
            except (ValueError, TypeError, KeyError):
                continue
            if kind in (TELEMETRY, EMF):
                text = json.dumps(document, separators=(",", ":")).encode()
                yield Line(b"%d-%d" % (self._file_number or 0, self._place), kind.encode(), text)
