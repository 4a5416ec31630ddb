"""A tar.gz that is the same, byte for byte, whenever its files are: no times, no owners."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from pipelines.model.manifest import Entry

LEVEL = 1  # weights hardly shrink; a higher level only takes longer


def write_tar_gz(
    output: BinaryIO,
    files: Iterable[tuple[str, BinaryIO]],
    listed: Mapping[str, Entry],
    extra: Mapping[str, bytes],
) -> None:
    """Write `files` in the order given, then the small `extra` ones; `listed` has the sizes."""
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=output, mtime=0, compresslevel=LEVEL) as gz,
        tarfile.open(fileobj=gz, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, stream in files:
            archive.addfile(_entry(path, listed[path].size), stream)
        for path, content in sorted(extra.items()):
            archive.addfile(_entry(path, len(content)), io.BytesIO(content))


def _entry(path: str, size: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path)
    entry.size = size
    entry.mode = 0o644
    entry.mtime = 0
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
