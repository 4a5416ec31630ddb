"""Folders and archives in many wicked shapes: everything is named, nothing is followed."""

from __future__ import annotations

import gzip
import os
import socket
import tarfile
from pathlib import Path

import pytest

from pipelines.errors import ArtifactError
from pipelines.model.scan import Inventory, scan
from pipelines.model.sources import is_safe, local_source
from tests.unit.pipelines.model.artifacts import WEIGHTS, plain, tar_gz


def scanned(path: Path, tmp_path: Path) -> Inventory:
    captured = tmp_path / "captured"
    captured.mkdir()
    return scan(local_source(path), captured)


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    ("wicked", "why"),
    [
        (entry("link", tarfile.SYMTYPE, "/etc/passwd"), "symbolic link to /etc/passwd"),
        (entry("link", tarfile.SYMTYPE, "config.json"), "symbolic link"),
        (entry("link", tarfile.LNKTYPE, "../../secret"), "hard link to ../../secret"),
        (entry("pipe", tarfile.FIFOTYPE), "device or pipe"),
        (entry("disk", tarfile.BLKTYPE), "device or pipe"),
        (entry("tty", tarfile.CHRTYPE), "device or pipe"),
        (entry("/etc/cron.d/job"), "leads out"),
        (entry("../outside"), "leads out"),
        (entry("a/../../outside"), "leads out"),
        (entry("..\\outside"), "leads out"),
        (entry("C:/windows"), "leads out"),
        (entry("~/.bashrc"), "leads out"),
        (entry("a\x1b[2Jb"), "leads out"),
        (entry("a//b"), ""),
        (entry("../folder", tarfile.DIRTYPE), "leads out"),
        (entry("config.json"), "there twice"),
        (entry("./config.json"), "there twice"),
        (entry("config.json/inner"), "same name"),
        (entry("code"), "same name"),
        (entry("x" * 1100), "leads out"),
    ],
)
def test_wicked_entries_of_an_archive(wicked: tarfile.TarInfo, why: str, tmp_path: Path) -> None:
    good: list[tarfile.TarInfo | tuple[str, bytes]] = [
        ("config.json", b"{}"),
        ("code/inference.py", b""),
    ]
    inventory = scanned(tar_gz(tmp_path / "model.tar.gz", [*good, wicked]), tmp_path)
    assert list(inventory.files)[:2] == ["config.json", "code/inference.py"]
    assert inventory.text("config.json") == "{}"
    if why:
        assert [why in reason for reason in inventory.odd.values()] == [True]
    outside = {path.name for path in tmp_path.iterdir()} - {"model.tar.gz", "captured"}
    assert not outside


def test_a_sparse_file_is_odd(tmp_path: Path) -> None:
    info = entry("holes", tarfile.GNUTYPE_SPARSE)
    inventory = scanned(tar_gz(tmp_path / "model.tar.gz", [info]), tmp_path)
    assert "holes" in inventory.odd


def test_dots_before_names_are_cleaned(tmp_path: Path) -> None:
    archive = tar_gz(tmp_path / "model.tar.gz", [entry(".", tarfile.DIRTYPE), ("./a/b", b"x")])
    assert list(scanned(archive, tmp_path).files) == ["a/b"]


class TestDamagedArchives:
    def archive(self, tmp_path: Path) -> bytes:
        path = tar_gz(tmp_path / "whole.tar.gz", [("a", os.urandom(50_000)), ("b", b"b")])
        return path.read_bytes()

    def refusal(self, content: bytes, tmp_path: Path) -> str:
        path = tmp_path / "model.tar.gz"
        path.write_bytes(content)
        with pytest.raises(ArtifactError) as caught:
            scanned(path, tmp_path)
        return str(caught.value)

    @pytest.mark.parametrize("share", [0.001, 0.3, 0.9, 0.9999])
    def test_cut_off(self, share: float, tmp_path: Path) -> None:
        whole = self.archive(tmp_path)
        assert "no whole tar.gz" in self.refusal(whole[: int(len(whole) * share)], tmp_path)

    def test_a_flipped_bit(self, tmp_path: Path) -> None:
        whole = bytearray(self.archive(tmp_path))
        whole[len(whole) // 2] ^= 1
        assert "tar.gz" in self.refusal(bytes(whole), tmp_path)

    def test_no_archive_at_all(self, tmp_path: Path) -> None:
        assert "no whole tar.gz" in self.refusal(b"hello", tmp_path)
        (tmp_path / "captured").rmdir()
        assert "no whole tar.gz" in self.refusal(gzip.compress(b"hello" * 300), tmp_path)

    def test_something_behind_the_end(self, tmp_path: Path) -> None:
        plain_tar = gzip.decompress(self.archive(tmp_path))
        hidden = gzip.compress(plain_tar + b"hidden")
        assert "behind its last entry" in self.refusal(hidden, tmp_path)


class TestFolders:
    def test_every_plain_file_in_the_order_of_paths(self, tmp_path: Path) -> None:
        folder = plain(tmp_path / "model")
        (folder / "code").mkdir()
        (folder / "code" / "inference.py").write_text("x = 1")
        inventory = scanned(folder, tmp_path)
        assert list(inventory.files) == sorted(inventory.files)
        assert "code/inference.py" in inventory.files
        assert inventory.odd == {}

    @pytest.mark.parametrize("target", ["config.json", "/etc", "nowhere", "."])
    def test_links_are_named_and_not_followed(self, target: str, tmp_path: Path) -> None:
        folder = plain(tmp_path / "model")
        (folder / "link").symlink_to(target)
        inventory = scanned(folder, tmp_path)
        assert inventory.odd == {"link": f"it is a symbolic link to {target}"}

    def test_pipes_and_sockets_are_not_opened(self, tmp_path: Path) -> None:
        folder = plain(tmp_path / "m")
        os.mkfifo(folder / "pipe")
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(str(folder / "door"))
            assert set(scanned(folder, tmp_path).odd) == {"pipe", "door"}

    def test_clutter_is_left_out_and_named(self, tmp_path: Path) -> None:
        folder = plain(tmp_path / "model")
        (folder / ".git" / "lfs").mkdir(parents=True)
        (folder / ".git" / "lfs" / "huge.bin").write_bytes(b"x")
        (folder / "code" / "__pycache__").mkdir(parents=True)
        inventory = scanned(folder, tmp_path)
        assert sorted(inventory.skipped) == [".git", "code/__pycache__"]
        assert not any(path.startswith(".git") for path in inventory.files)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("nowhere", "there is no"), ("model.tar", "neither a folder nor a .tar.gz")],
)
def test_what_is_no_source(name: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "model.tar").write_bytes(b"")
    with pytest.raises(ArtifactError, match=sentence):
        local_source(tmp_path / name)


@pytest.mark.parametrize("name", ["a", "a/b.c", "code/x y.py", "ä/ö", "a..b", "...", ".hidden"])
def test_safe_names(name: str) -> None:
    assert is_safe(name)


def test_a_file_that_grows_while_it_is_read(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    source = local_source(folder)

    def grow(path: str, done: int, total: int) -> None:
        if path == "model.safetensors" and done < total:
            (folder / path).write_bytes(WEIGHTS + b"more")

    captured = tmp_path / "captured"
    captured.mkdir()
    with pytest.raises(ArtifactError, match=r"model.safetensors changed while it was read"):
        scan(source, captured, progress=grow)


def test_an_entry_whose_extra_fields_would_fill_the_memory(tmp_path: Path) -> None:
    huge = entry("x", tarfile.XHDTYPE)
    huge.size = 1 << 32
    with pytest.raises(ArtifactError, match="bytes of extra fields"):
        scanned(tar_gz(tmp_path / "model.tar.gz", [huge]), tmp_path)


def test_very_deep_folders(tmp_path: Path) -> None:
    deep = plain(tmp_path / "model")
    for _ in range(600):
        deep = deep / "d"
        deep.mkdir()
    (deep / "file").write_text("x")
    inventory = scanned(tmp_path / "model", tmp_path)
    assert [path.endswith("/file") for path in inventory.odd] == [True]
