"""The files of the image in one zip: what a build elsewhere starts from.

The same files give the same bytes, so that a bundle can be named by its fingerprint.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePath

from container.image.fingerprint import RECIPE, ROOT, fingerprint, image_files

EPOCH = (1980, 1, 1, 0, 0, 0)  # the first day that a zip can tell
PROGRAMS = (PurePath("container/serve"),)


@dataclass(frozen=True)
class Bundle:
    """A build's source.

    Attributes:
        fingerprint: of the files in it.
        content: a zip.
    """

    fingerprint: str
    content: bytes


def make_bundle(root: Path = ROOT) -> Bundle:
    """The recipe and every file that it copies, as they are now."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (*map(PurePath, RECIPE), *image_files(root)):
            entry = zipfile.ZipInfo(path.as_posix(), EPOCH)
            entry.external_attr = (0o755 if path in PROGRAMS else 0o644) << 16
            archive.writestr(entry, (root / path).read_bytes(), zipfile.ZIP_DEFLATED)
    return Bundle(fingerprint(root), packed.getvalue())
