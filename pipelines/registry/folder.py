"""A registry in a folder of this machine: one file a version, whole or not there.

FOLDER/versions/000001.json     a candidate and when it was registered; never changed but for
FOLDER/versions/000002.json     its approval, by replacing the whole file
FOLDER/.lock                    held by whoever writes; readers need no lock
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipelines.errors import RegistryError
from pipelines.registry.interface import Approval, Candidate, Version
from pipelines.registry.texts import identity

FORMAT = 1
DIGITS = 6
PATTERN = "[0-9]" * DIGITS + ".json"
LATEST = "latest"


class FolderRegistry:
    """Versions under a folder, which is made when the first one is registered.

    Several processes may use one folder at a time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._versions = folder / "versions"

    def register(self, candidate: Candidate) -> Version:
        """Keep a candidate as a new version; the same candidate again is the same version.

        Raises:
            RegistryError: the folder cannot be written, or the candidate is no JSON.
        """
        name = identity(candidate)
        with self._writing():
            known = self.versions()
            for version in known:
                if identity(version.candidate) == name:
                    return version
            number = known[0].number + 1 if known else 1
            self._store(number, datetime.now(UTC), candidate, "")
        return self.get(number)

    def versions(self) -> list[Version]:
        """All versions, the newest first.

        Raises:
            RegistryError: one cannot be read.
        """
        paths = sorted(self._versions.glob(PATTERN), reverse=True)
        return [_read(path) for path in paths]

    def get(self, number: int) -> Version:
        """One version.

        Raises:
            RegistryError: there is none of this number, or it cannot be read.
        """
        path = self._path(number)
        if not path.is_file():
            known = ", ".join(str(one.number) for one in self.versions()) or "none yet"
            raise RegistryError(f"there is no version {number} in {self._folder}; it has {known}")
        return _read(path)

    def decide(self, version: Version, approval: Approval, why: str = "") -> Version:
        """Approve or reject; doing it twice changes nothing.

        Raises:
            RegistryError: there is no such version, or the folder cannot be written.
        """
        with self._writing():
            held = self.get(version.number)
            if held.approval is approval:
                return held
            candidate = replace(held.candidate, approval=approval)
            self._store(held.number, held.created, candidate, why)
        return self.get(version.number)

    def _store(self, number: int, created: datetime, candidate: Candidate, why: str) -> None:
        content = {
            "format": FORMAT,
            "created": created.isoformat(),
            "why": why,
            "candidate": asdict(candidate),
        }
        try:
            text = json.dumps(content, indent=2, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise RegistryError(f"the candidate cannot be kept as JSON: {error}") from error
        path = self._path(number)
        half = path.with_name(f".{path.name}.{os.getpid()}")
        with half.open("w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)

    def _path(self, number: int) -> Path:
        return self._versions / f"{number:0{DIGITS}d}.json"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One writer at a time, in whatever process; a process that dies lets go."""
        try:
            self._versions.mkdir(parents=True, exist_ok=True)
            with (self._folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield
        except OSError as error:
            raise RegistryError(
                f"the registry {self._folder} cannot be written: {error.strerror or error}"
            ) from error


def _read(path: Path) -> Version:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, not {FORMAT}")
        return Version(
            name=str(path),
            number=int(path.stem),
            created=datetime.fromisoformat(content["created"]),
            candidate=_candidate(content["candidate"]),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise RegistryError(f"{path} holds no version of this registry: {error}") from error


def _candidate(held: Mapping[str, Any]) -> Candidate:
    return Candidate(**{**held, "approval": Approval(held["approval"])})
