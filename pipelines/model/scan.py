"""Reads an artifact once: hashes, headers, first bytes, and copies of its small files.

Everything that the checks want to know is gathered in this one pass, however large the weights:
memory stays at a few chunks, and the source may be a stream.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import ArtifactError
from pipelines.model import magic
from pipelines.model.finite import FiniteScan
from pipelines.model.manifest import MANIFEST
from pipelines.model.sources import DAMAGES, Member, Opener, Source, clean, is_safe
from pipelines.model.tensors import (
    LENGTH_BYTES,
    Header,
    HeaderError,
    header_length,
    parse_header,
)

CHUNK = 4 << 20
CAPTURE_FILE, CAPTURE_ALL = 128 << 20, 1 << 30
LFS_POINTER = b"version https://git-lfs"

Progress = Callable[[str, int, int], None]
"""Told the file being read, bytes read so far, bytes in all (0: not known)."""


@dataclass(frozen=True)
class FileFacts:
    """One plain file.

    Attributes:
        refused: what it is, when by name or content it has no place in an artifact.
        header: of a safetensors file; None for others and damaged ones.
        header_error: why there is none.
        bad_numbers: tensor -> numbers that are not finite, when that was looked for.
    """

    path: str
    size: int
    sha256: str
    refused: str | None = None
    header: Header | None = None
    header_error: str = ""
    bad_numbers: dict[str, int] = field(default_factory=dict)


@dataclass
class Inventory:
    """What an artifact holds.

    Attributes:
        captured: folder with copies of its small, harmless files.
        odd: path -> why it is no plain file that could be unpacked.
    """

    name: str
    captured: Path
    files: dict[str, FileFacts] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    folders: set[str] = field(default_factory=set)
    finite_scanned: bool = False
    manifest: bytes | None = None

    def text(self, path: str) -> str | None:
        """Content of a small file; None if it is not there."""
        file = self.captured / path
        if path not in self.files or not file.is_file():
            return None
        return file.read_text(encoding="utf-8", errors="replace")


def scan(
    source: Source, captured: Path, *, finite: bool = False, progress: Progress | None = None
) -> Inventory:
    """Read all of `source`; its small files are copied below the empty folder `captured`.

    Raises:
        ArtifactError: it cannot be read to its end.
    """
    inventory = Inventory(source.name, captured, finite_scanned=finite)
    total, done, kept = source.total_bytes, 0, 0
    for member, opener in source.members():
        problem = _problem(member, inventory)
        if problem:
            inventory.odd[member.path] = problem
            continue
        if progress:
            progress(member.path, done, total)
        copy = captured / member.path if _is_worth_a_copy(member, kept) else None
        reader = _Reader(member, copy, finite=finite)
        for part in _parts(source, opener):
            reader.feed(part)
            done += len(part)
            if progress:
                progress(member.path, done, total)
        _keep(inventory, reader.finish())
        inventory.folders.update(_above(member))
        kept += member.size if copy else 0
    inventory.skipped = source.skipped
    return inventory


def _parts(source: Source, opener: Opener) -> Iterator[bytes]:
    """A member's bytes; a damaged source shows itself here."""
    try:
        with opener() as stream:
            while part := stream.read(CHUNK):
                yield part
    except DAMAGES as error:
        raise ArtifactError(f"{source.name} is no whole tar.gz: {error}") from error


def _problem(member: Member, inventory: Inventory) -> str:
    if not is_safe(member.path):
        return "its path leads out of the artifact, or cannot be unpacked everywhere"
    if member.odd:
        return f"it is {member.odd}"
    if clean(member.path) != member.path:
        return "its path is that of a folder"
    if member.path in inventory.files or (member.path == MANIFEST and inventory.manifest):
        return "it is there twice"
    if member.path in inventory.folders or any(one in inventory.files for one in _above(member)):
        return "a file and a folder would have the same name"
    return ""


def _above(member: Member) -> list[str]:
    """The folders that the member lies in."""
    return [parent.as_posix() for parent in Path(member.path).parents][:-1]


def _is_worth_a_copy(member: Member, kept: int) -> bool:
    if member.path.endswith(".safetensors") or magic.refused_by_name(member.path):
        return False
    return member.size <= CAPTURE_FILE and kept + member.size <= CAPTURE_ALL


def _keep(inventory: Inventory, facts: FileFacts) -> None:
    copy = inventory.captured / facts.path
    if facts.path == MANIFEST:
        inventory.manifest = copy.read_bytes() if copy.is_file() else b""
        return
    if facts.refused:
        copy.unlink(missing_ok=True)
    inventory.files[facts.path] = facts


class _Reader:
    """One file while it streams by."""

    def __init__(self, member: Member, copy: Path | None, *, finite: bool) -> None:
        self._member = member
        self._digest = hashlib.sha256()
        self._size = 0
        self._start = b""
        self._wanted = magic.HEAD_BYTES
        self._header: Header | None = None
        self._error = ""
        self._scan: FiniteScan | None = None
        self._finite = finite
        self._is_weights = member.path.endswith(".safetensors")
        self._copy = _create(copy)

    def feed(self, part: bytes) -> None:
        """The next bytes of the file."""
        self._digest.update(part)
        self._size += len(part)
        if self._copy:
            self._copy.write(part)
        if self._scan is not None:
            self._scan.feed(part)
        elif len(self._start) < self._wanted:
            self._start += part
            if self._is_weights and not self._header and not self._error:
                self._read_header()

    def finish(self) -> FileFacts:
        """What was seen."""
        if self._copy:
            self._copy.close()
        if self._size != self._member.size:
            raise ArtifactError(f"{self._member.path} changed while it was read")
        if self._is_weights and not self._header and not self._error:
            self._error = "is cut off inside its header; download it again"
        return FileFacts(
            path=self._member.path,
            size=self._size,
            sha256=self._digest.hexdigest(),
            refused=self._refused(),
            header=self._header,
            header_error=self._error,
            bad_numbers=self._scan.bad if self._scan else {},
        )

    def _refused(self) -> str | None:
        head = self._start[: magic.HEAD_BYTES]
        if head.startswith(LFS_POINTER):
            return "a git-lfs pointer, not the file itself (run: git lfs pull)"
        if self._header is not None:
            return None  # its first bytes are a length, and may look like anything
        return magic.refused_by_content(head) or magic.refused_by_name(self._member.path)

    def _read_header(self) -> None:
        size = self._member.size
        try:
            if len(self._start) < min(LENGTH_BYTES, size):
                return
            length = header_length(self._start, size)
            self._wanted = max(self._wanted, LENGTH_BYTES + length)
            if len(self._start) < LENGTH_BYTES + length:
                return
            self._header = parse_header(self._start[LENGTH_BYTES : LENGTH_BYTES + length], size)
        except HeaderError as error:
            self._error = str(error)
            self._wanted = magic.HEAD_BYTES
            return
        if self._finite:
            self._scan = FiniteScan(self._header)
            self._scan.feed(self._start[self._header.data_start :])


def _create(copy: Path | None) -> BinaryIO | None:
    if copy is None:
        return None
    with contextlib.suppress(FileExistsError):
        copy.parent.mkdir(parents=True)
    return copy.open("xb")
