"""One pass gathers all: hashes, headers, refusals, copies, progress."""

from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

from pipelines.model import scan as scan_module
from pipelines.model.scan import Inventory, scan
from pipelines.model.sources import FolderSource
from tests.unit.pipelines.model.artifacts import WEIGHTS, plain, safetensors


def scanned(folder: Path, tmp_path: Path, *, finite: bool = False) -> Inventory:
    captured = tmp_path / "captured"
    captured.mkdir()
    return scan(FolderSource(folder), captured, finite=finite)


def test_hashes_are_those_of_the_files(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    for path, facts in scanned(folder, tmp_path).files.items():
        content = (folder / path).read_bytes()
        assert facts.sha256 == hashlib.sha256(content).hexdigest()
        assert facts.size == len(content)


def test_weights_are_not_copied_and_small_files_are(tmp_path: Path) -> None:
    inventory = scanned(plain(tmp_path / "model"), tmp_path)
    assert not (inventory.captured / "model.safetensors").exists()
    assert inventory.text("README.md") == (tmp_path / "model" / "README.md").read_text()
    assert inventory.text("nothing") is None


def test_a_pickle_under_a_harmless_name_is_refused_and_not_kept(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    (folder / "vocab.json").write_bytes(pickle.dumps({"a": 1}))
    inventory = scanned(folder, tmp_path)
    assert inventory.files["vocab.json"].refused == "a pickle"
    assert not (inventory.captured / "vocab.json").exists()


def test_a_pickle_that_calls_itself_safetensors(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(pickle.dumps([1.0] * 100))
    facts = scanned(folder, tmp_path).files["model.safetensors"]
    assert facts.refused == "a pickle"
    assert facts.header_error


def test_a_header_whose_length_looks_like_a_pickle_is_none(tmp_path: Path) -> None:
    """Protocol byte and version may be the low bytes of a length."""
    header_bytes = 0x0280
    content = safetensors({"a": ("F32", [1], bytes(4))}, metadata={"pad": ""})
    pad = header_bytes - int.from_bytes(content[:8], "little")
    content = safetensors({"a": ("F32", [1], bytes(4))}, metadata={"pad": "x" * pad})
    assert content[:2] == b"\x80\x02"
    folder = plain(tmp_path / "model")
    (folder / "model.safetensors").write_bytes(content)
    facts = scanned(folder, tmp_path).files["model.safetensors"]
    assert (facts.refused, facts.header_error) == (None, "")


def test_a_pointer_of_git_lfs(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\nx\n")
    assert "git lfs pull" in str(scanned(folder, tmp_path).files["model.safetensors"].refused)


def test_small_chunks_give_the_same(tmp_path: Path, monkeypatch: object) -> None:
    folder = plain(tmp_path / "model")
    nan = b"\x00\x00\xc0\x7f"
    (folder / "model.safetensors").write_bytes(safetensors({"a": ("F32", [2], nan + nan)}))
    before = scan_module.CHUNK
    scan_module.CHUNK = 5
    try:
        facts = scanned(folder, tmp_path, finite=True).files["model.safetensors"]
    finally:
        scan_module.CHUNK = before
    assert facts.header is not None
    assert facts.bad_numbers == {"a": 2}


def test_progress_ends_at_the_whole(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    seen: list[tuple[str, int, int]] = []
    captured = tmp_path / "captured"
    captured.mkdir()
    scan(FolderSource(folder), captured, progress=lambda *told: seen.append(told))
    assert seen[-1][1] == seen[-1][2] == sum(path.stat().st_size for path in folder.iterdir())
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_an_old_manifest_is_kept_apart(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    (folder / "manifest.json").write_text("old")
    inventory = scanned(folder, tmp_path)
    assert inventory.manifest == b"old"
    assert "manifest.json" not in inventory.files


def test_weights_are_hashed_too(tmp_path: Path) -> None:
    facts = scanned(plain(tmp_path / "model"), tmp_path).files["model.safetensors"]
    assert facts.sha256 == hashlib.sha256(WEIGHTS).hexdigest()
