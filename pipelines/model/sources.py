"""Where an artifact's files come from: a folder, a tar.gz, a prefix of S3, a tar.gz in S3.

Every source gives its members once, in order, each with a stream to read before the next one is
asked for. Nothing is unpacked, no link is followed.
"""

from __future__ import annotations

import gzip
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from pipelines.errors import ArtifactError

MAX_MEMBERS = 100_000
DAMAGES = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)
MAX_EXTENSION = 1 << 20
EXTENSIONS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
CLUTTER = frozenset({".git", "__pycache__", ".DS_Store", ".ipynb_checkpoints", ".cache"})


@dataclass(frozen=True)
class Member:
    """One entry. `odd` says what it is if it is no plain file; such an entry is not read."""

    path: str
    size: int
    odd: str = ""


Opener = Callable[[], BinaryIO]


class Source(Protocol):
    """An artifact's files.

    Attributes:
        name: as the user wrote it.
        skipped: clutter that was left out.
    """

    name: str
    skipped: list[str]

    @property
    def total_bytes(self) -> int:
        """What will be read, about, for progress; 0 if not known."""

    def members(self) -> Iterator[tuple[Member, Opener]]:
        """Every entry but folders.

        Raises:
            ArtifactError: it cannot be read to its end.
        """


class FolderSource:
    """A folder on this machine, in the order of its paths."""

    def __init__(self, folder: Path, *, leave_out: str = "") -> None:
        self.name = str(folder)
        self.skipped: list[str] = []
        self._folder = folder
        self._leave_out = leave_out
        if not folder.is_dir():
            raise ArtifactError(f"there is no folder {folder}")

    @property
    def total_bytes(self) -> int:
        """Sizes of all plain files."""
        return sum(member.size for member, _ in self.members())

    def members(self) -> Iterator[tuple[Member, Opener]]:
        """Every entry below the folder but clutter and the folder to leave out."""
        self.skipped = []
        for path in sorted(self._walk(), key=lambda one: one.as_posix()):
            name = path.relative_to(self._folder).as_posix()
            status = path.lstat()
            yield Member(name, status.st_size, _odd(path, status)), partial(_open, path)

    def _walk(self) -> Iterator[Path]:
        """All that is no folder, clutter aside."""
        waiting = [self._folder]
        while waiting:
            folder = waiting.pop()
            for entry in _entries_of(folder):
                path = Path(entry.path)
                if entry.name in CLUTTER:
                    self.skipped.append(path.relative_to(self._folder).as_posix())
                elif folder == self._folder and entry.name == self._leave_out:
                    continue
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    yield path


class TarSource:
    """A tar.gz, read from its beginning to its end.

    Args:
        name: as the user wrote it.
        size: bytes of the compressed file.
        opener: opens it.
    """

    def __init__(self, name: str, size: int, opener: Opener) -> None:
        self.name = name
        self.skipped: list[str] = []
        self.total_bytes = size
        self._opener = opener

    def members(self) -> Iterator[tuple[Member, Opener]]:
        """Every entry but folders."""
        with self._opener() as raw:
            try:
                yield from self._entries(raw)
            except DAMAGES as error:
                raise ArtifactError(f"{self.name} is no whole tar.gz: {error}") from error

    def _entries(self, raw: BinaryIO) -> Iterator[tuple[Member, Opener]]:
        with (
            gzip.GzipFile(fileobj=raw) as plain,
            tarfile.open(fileobj=plain, mode="r|", tarinfo=_Entry) as archive,
        ):
            for count, entry in enumerate(archive):
                if count >= MAX_MEMBERS:
                    raise ArtifactError(f"{self.name} has more than {MAX_MEMBERS} entries")
                if not entry.isdir() or not is_safe(entry.name):
                    odd = _odd_entry(entry)
                    yield (
                        Member(clean(entry.name), entry.size, odd),
                        partial(_extract, archive, entry),
                    )
            while rest := plain.read(1 << 20):  # a cut file shows only at its end
                if rest.strip(b"\0"):
                    raise ArtifactError(f"{self.name} has other data behind its last entry")


class _Entry(tarfile.TarInfo):
    """An entry whose long name or extra fields may not fill the memory: they are read whole."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in EXTENSIONS and self.size > MAX_EXTENSION:
            raise tarfile.ReadError(f"{self.size} bytes of extra fields for one entry")
        member: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
        return member


def local_source(path: Path) -> Source:
    """The source for a path on this machine.

    Raises:
        ArtifactError: there is nothing, or nothing of a kind that can be read.
    """
    if path.is_dir():
        return FolderSource(path)
    if not path.exists():
        raise ArtifactError(f"there is no {path}; name a model folder, a tar.gz or s3://...")
    if not is_tar_gz(path.name):
        raise ArtifactError(f"{path} is neither a folder nor a .tar.gz")
    return TarSource(str(path), path.stat().st_size, lambda: _open(path))


def is_tar_gz(name: str) -> bool:
    """Whether the name is that of a compressed archive."""
    return name.lower().endswith((".tar.gz", ".tgz"))


def clean(name: str) -> str:
    """A member's path without a leading `./` and a trailing `/`."""
    while name.startswith("./"):
        name = name[2:]
    return name.rstrip("/") or name


def is_safe(name: str) -> bool:
    """Whether a member's path stays inside the artifact, on every system that may unpack it."""
    if not name or name.startswith(("/", "~")) or "\\" in name or ":" in name.split("/")[0]:
        return False
    if any(ord(character) < 32 or "\ud800" <= character <= "\udfff" for character in name):
        return False
    parts = name.split("/")
    return ".." not in parts and len(name.encode()) <= 1024 and max(map(_bytes, parts)) <= 255


def _bytes(text: str) -> int:
    return len(text.encode())


def _entries_of(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise ArtifactError(f"{folder} cannot be read: {error.strerror}") from error


def _odd(path: Path, status: os.stat_result) -> str:
    if stat.S_ISLNK(status.st_mode):
        return f"a symbolic link to {os.readlink(path)}"
    return "" if stat.S_ISREG(status.st_mode) else "no plain file"


def _odd_entry(entry: tarfile.TarInfo) -> str:
    if entry.issym():
        return f"a symbolic link to {entry.linkname}"
    if entry.islnk():
        return f"a hard link to {entry.linkname}"
    if entry.isdir():
        return "a folder"
    if entry.issparse():
        return "a sparse file"
    return "" if entry.isreg() else "a device or pipe"


def _open(path: Path) -> BinaryIO:
    """Open a plain file; a link that took its place since is not followed."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read: {error.strerror}") from error
    return os.fdopen(descriptor, "rb")


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> BinaryIO:
    stream = archive.extractfile(entry)
    if stream is None:
        raise ArtifactError(f"{entry.name} has no content")
    return stream  # type: ignore[return-value]
