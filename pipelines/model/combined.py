"""A model folder with another folder as its code, read a second time under watch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, cast

from pipelines.errors import ArtifactError
from pipelines.model.manifest import MANIFEST, Entry
from pipelines.model.scan import Progress
from pipelines.model.sources import FolderSource, Member, Opener


class CombinedSource:
    """A model folder with another folder as its `code/`.

    Raises:
        ArtifactError: one of them is no folder.
    """

    def __init__(self, model: Path, code: Path | None) -> None:
        self.name = str(model)
        self.skipped: list[str] = []
        self._model = FolderSource(model, leave_out="code" if code else "")
        self._code = FolderSource(code) if code else None

    @property
    def total_bytes(self) -> int:
        """Sizes of all files."""
        return self._model.total_bytes + (self._code.total_bytes if self._code else 0)

    def members(self) -> Iterator[tuple[Member, Opener]]:
        """The model's files, then those of the code folder; an old manifest is left behind."""
        for member, opener in self._model.members():
            if member.path != MANIFEST:
                yield member, opener
        self.skipped = list(self._model.skipped)
        if self._code:
            for member, opener in self._code.members():
                yield replace(member, path=f"code/{member.path}"), opener
            self.skipped += [f"code/{path}" for path in self._code.skipped]


@dataclass(frozen=True)
class Parts:
    """What is to be written: the files of `source` that `listed` names, and must equal."""

    source: CombinedSource
    listed: dict[str, Entry]
    progress: Progress | None = None

    def streams(self) -> Iterator[tuple[str, BinaryIO]]:
        """Every path and stream, in order; each is compared when it has been read.

        Raises:
            ArtifactError: a file is gone, or another content than was checked.
        """
        openers = {member.path: opener for member, opener in self.source.members()}
        done, total = 0, sum(entry.size for entry in self.listed.values())
        for path in sorted(self.listed):
            if path not in openers:
                raise ArtifactError(f"{path} is gone since it was checked: pack again")
            if self.progress:
                self.progress(path, done, total)
            with openers[path]() as plain:
                stream = _Hashed(plain, path, self.listed[path])
                yield path, cast(BinaryIO, stream)
                stream.verify()
            done += self.listed[path].size


class _Hashed:
    """A stream that remembers what it gave."""

    def __init__(self, stream: BinaryIO, path: str, wanted: Entry) -> None:
        self._stream, self._path, self._wanted = stream, path, wanted
        self._digest = hashlib.sha256()
        self._size = 0

    def read(self, count: int = -1) -> bytes:
        """The next bytes."""
        part = self._stream.read(count)
        self._digest.update(part)
        self._size += len(part)
        return part

    def verify(self) -> None:
        """Compare with the manifest, once all was read.

        Raises:
            ArtifactError: it is another content than was checked.
        """
        longer = bool(self._stream.read(1))
        if longer or (self._digest.hexdigest(), self._size) != (
            self._wanted.sha256,
            self._wanted.size,
        ):
            raise ArtifactError(f"{self._path} changed after it was checked: pack again")
