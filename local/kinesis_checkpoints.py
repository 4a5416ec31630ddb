"""Where the reader of a stream keeps how far it has come, and what it has given up."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Checkpoints:
    """Sequence numbers by shard: the last record that is done.

    Args:
        path: file that outlives the process; without it they are kept in memory.

    Raises:
        ValueError: the file does not hold checkpoints; remove it to read the stream anew.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._numbers: dict[str, str] = {}
        if path is not None and path.exists():
            self._numbers = _read(path)

    def get(self, shard: str) -> str | None:
        """The last record of a shard that is done; None if there is none."""
        with self._lock:
            return self._numbers.get(shard)

    def set(self, shard: str, sequence_number: str) -> None:
        """All up to this record is done. A file is written before this returns."""
        with self._lock:
            self._numbers[shard] = sequence_number
            if self._path is not None:
                _write(self._path, json.dumps(self._numbers))


class FailureFile:
    """A destination for failures: a file with one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def __call__(self, failure: Mapping[str, Any]) -> None:
        """Append one failure record; it is on the disk when this returns."""
        line = json.dumps(dict(failure), separators=(",", ":"))
        with self._lock, self._path.open("a") as file:
            file.write(f"{line}\n")
            file.flush()
            os.fsync(file.fileno())

    def read(self) -> list[dict[str, Any]]:
        """All failure records so far."""
        if not self._path.exists():
            return []
        return [json.loads(line) for line in self._path.read_text().splitlines() if line]


def _read(path: Path) -> dict[str, str]:
    try:
        content = json.loads(path.read_text())
    except ValueError:
        content = None
    if not isinstance(content, dict) or not all(isinstance(it, str) for it in content.values()):
        raise ValueError(f"{path} does not hold checkpoints; remove it to read the stream anew")
    return content


def _write(path: Path, text: str) -> None:
    """Replace the file at once, so that no crash leaves half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
