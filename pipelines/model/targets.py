"""Where an artifact is written: whole or not at all, and never over something else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from pipelines.errors import ArtifactError
from pipelines.model import manifest, s3
from pipelines.model.archive import write_tar_gz
from pipelines.model.combined import Parts
from pipelines.model.manifest import MANIFEST
from pipelines.model.sources import is_tar_gz

CHUNK = 4 << 20


class Target(Protocol):
    """A place that was free when the target was made."""

    def write(self, parts: Parts) -> None:
        """Write all parts and their manifest.

        Raises:
            ArtifactError: it cannot be written, or a part changed meanwhile.
        """


def target_for(output: str, client: Any, *, inside: list[Path]) -> Target:
    """Where `output` says: a new folder, a new .tar.gz, or either of them in S3.

    The S3 client is made when it is needed and None is given. Nothing may be written inside the
    folders that are read.

    Raises:
        ArtifactError: the place is taken, or cannot be.
    """
    if output.startswith(s3.SCHEME):
        place = s3.parse_place(output)
        if not place.key:
            raise ArtifactError(f"{output} is a whole bucket: name a prefix in it")
        client = client or s3.s3_client()
        return ObjectTarget(place, client) if place.is_archive else PrefixTarget(place, client)
    path = Path(output).expanduser().absolute()
    for folder in inside:
        if path.resolve().is_relative_to(folder.resolve()):
            raise ArtifactError(f"{output} lies inside {folder}: name a place beside it")
    return ArchiveTarget(path) if is_tar_gz(output) else FolderTarget(path)


class FolderTarget:
    """A new folder, made beside its place and then renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        if folder.is_dir() and not any(folder.iterdir()):
            return
        if os.path.lexists(folder):
            raise ArtifactError(f"{folder} is there already: name a new folder")

    def write(self, parts: Parts) -> None:
        """Copy every file, then the manifest, then let the folder appear."""
        with _beside(self._folder) as work:
            made = work / "artifact"
            made.mkdir()
            for path, stream in parts.streams():
                copy = made / path
                copy.parent.mkdir(parents=True, exist_ok=True)
                with copy.open("xb") as file:
                    shutil.copyfileobj(stream, file, CHUNK)
                    _require_end(stream)
            (made / MANIFEST).write_bytes(manifest.render(parts.listed))
            os.replace(made, self._folder)


class ArchiveTarget:
    """A tar.gz, made beside its place and then renamed."""

    def __init__(self, file: Path) -> None:
        self._file = file
        if os.path.lexists(file):
            raise ArtifactError(f"{file} is there already: name a new file")

    def write(self, parts: Parts) -> None:
        """Write all files in the order of their paths."""
        with _beside(self._file) as work:
            made = work / "artifact"
            with made.open("xb") as file:
                extra = {MANIFEST: manifest.render(parts.listed)}
                write_tar_gz(file, parts.streams(), parts.listed, extra)
            os.replace(made, self._file)


class PrefixTarget:
    """A new prefix in S3; the manifest is stored last, so that a half one is seen as such."""

    def __init__(self, place: s3.S3Place, client: Any) -> None:
        self._place = place
        self._client = client
        if any(s3.list_objects(client, place)):
            raise ArtifactError(f"{place.url} holds objects already: name a new prefix")

    def write(self, parts: Parts) -> None:
        """Upload every file, then the manifest."""
        for path, stream in parts.streams():
            s3.upload(self._client, self._place, path, stream)
        s3.put(self._client, self._place, MANIFEST, manifest.render(parts.listed))


class ObjectTarget:
    """A tar.gz in S3, made on this machine first."""

    def __init__(self, place: s3.S3Place, client: Any) -> None:
        self._place = place
        self._client = client
        if any(key == place.key for key, _ in s3.list_objects(client, place)):
            raise ArtifactError(f"{place.url} is there already: name a new one")

    def write(self, parts: Parts) -> None:
        """Pack, then upload."""
        with tempfile.TemporaryDirectory(prefix="keepwarm-pack-") as folder:
            file = Path(folder) / "model.tar.gz"
            ArchiveTarget(file).write(parts)
            with file.open("rb") as stream:
                s3.upload(self._client, self._place, "", stream)


def _require_end(stream: BinaryIO) -> None:
    """Read what a copy may have left, so that the hash is of the whole file."""
    while stream.read(CHUNK):
        continue


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A work folder on the same file system, gone afterwards whatever happens."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as folder:
            yield Path(folder)
    except OSError as error:
        reason = error.strerror or error
        raise ArtifactError(f"{target} cannot be written: {reason}") from error
