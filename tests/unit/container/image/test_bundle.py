"""The zip that a build elsewhere starts from."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from container.image.bundle import make_bundle
from container.image.fingerprint import ROOT, fingerprint, image_files


def unpacked(folder: Path, content: bytes) -> Path:
    """The bundle's files, with their permissions, as a build machine unpacks them."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            path = Path(archive.extract(entry, folder))
            path.chmod(entry.external_attr >> 16)
    return folder


def test_it_has_the_files_of_the_image_and_no_other() -> None:
    with zipfile.ZipFile(io.BytesIO(make_bundle().content)) as archive:
        assert set(archive.namelist()) == {
            "Dockerfile",
            ".dockerignore",
            *(path.as_posix() for path in image_files()),
        }


def test_unpacked_it_has_the_same_fingerprint(tmp_path: Path) -> None:
    bundle = make_bundle()
    assert fingerprint(unpacked(tmp_path, bundle.content)) == bundle.fingerprint == fingerprint()


def test_the_same_files_give_the_same_bytes_whenever_they_were_touched(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, make_bundle().content)
    first = make_bundle(folder)
    for path in folder.rglob("*"):
        os.utime(path, (1, 1))
    assert make_bundle(folder) == first


def test_the_entry_point_can_be_run(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, make_bundle().content)
    assert os.access(folder / "container/serve", os.X_OK)
    ended = subprocess.run(
        [sys.executable, str(folder / "container/serve"), "train"], capture_output=True, check=False
    )
    assert ended.returncode == 2


def test_the_dockerfile_copies_nothing_that_is_not_in_it(tmp_path: Path) -> None:
    folder = unpacked(tmp_path, make_bundle().content)
    for line in (ROOT / "Dockerfile").read_text().splitlines():
        if line.startswith("COPY ") and "--from" not in line:
            source = line.split()[1].replace("${ACCELERATOR}", "cuda")
            assert (folder / source).exists(), line
