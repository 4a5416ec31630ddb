"""Files, formats, weights, numbers, config and manifest: what is wrong, and what would be right."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.model.check import check
from pipelines.model.sources import FolderSource
from tests.unit.pipelines.model.artifacts import CONFIG, WEIGHTS, plain, safetensors, tar_gz
from tests.unit.pipelines.model.checking import findings, report_on, worst

INDEX = "model.safetensors.index.json"


def test_a_good_folder_passes(tmp_path: Path) -> None:
    report = report_on(plain(tmp_path / "model"))
    assert not report.refused
    assert report.as_json()["status"] == "ok"


def test_an_empty_folder(tmp_path: Path) -> None:
    assert worst(report_on(tmp_path), "files") == "failed"


def write(name: str, content: bytes | str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return spoil


def config(**changes: Any) -> Callable[[Path], None]:
    return write("config.json", json.dumps(CONFIG | changes))


def sharded(folder: Path) -> None:
    """Two shards and their index, all as it should be."""
    (folder / "model.safetensors").unlink()
    names = {"a": "model-1.safetensors", "b": "model-2.safetensors"}
    for name, file in names.items():
        (folder / file).write_bytes(safetensors({name: ("F32", [1], bytes(4))}))
    (folder / INDEX).write_text(json.dumps({"weight_map": names}))


def lost_shard(folder: Path) -> None:
    sharded(folder)
    (folder / "model-2.safetensors").unlink()


def wrong_shard(folder: Path) -> None:
    sharded(folder)
    (folder / "model-2.safetensors").write_bytes(safetensors({"c": ("F32", [1], bytes(4))}))


def extra_tensor(folder: Path) -> None:
    sharded(folder)
    both = {"b": ("F32", [1], bytes(4)), "c": ("F32", [1], bytes(4))}
    (folder / "model-2.safetensors").write_bytes(safetensors(both))


def no_index(folder: Path) -> None:
    sharded(folder)
    (folder / INDEX).unlink()


def shard_elsewhere(folder: Path) -> None:
    sharded(folder)
    (folder / INDEX).write_text(json.dumps({"weight_map": {"a": "../../other.safetensors"}}))


def shard_of_another_kind(folder: Path) -> None:
    sharded(folder)
    names = {"a": "model-1.safetensors", "b": "config.json"}
    (folder / INDEX).write_text(json.dumps({"weight_map": names}))


def adapter(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")


def only_bin(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))


@pytest.mark.parametrize(
    ("spoil", "name", "status", "message"),
    [
        (write("pytorch_model.bin", b"x"), "formats", "failed", "pytorch_model.bin is a pickle of"),
        (only_bin, "weights", "failed", "there is no model.safetensors"),
        (write("optimizer.pt", b""), "formats", "failed", "optimizer.pt"),
        (write("code/vectors.pkl", b""), "formats", "failed", "code/vectors.pkl is a pickle"),
        (write("notes.txt", pickle.dumps([1])), "formats", "failed", "notes.txt is a pickle"),
        (write("data.json", b"PK\x03\x04rest"), "formats", "failed", "data.json is a zip archive"),
        (write("modeling_x.py", "x"), "formats", "warning", "modeling_x.py is code that never"),
        (write("run.sh", "x"), "formats", "warning", "run.sh is code that never"),
        (write("m.gguf", b"GGUF"), "formats", "failed", "a GGUF file: only safetensors are loaded"),
        (write("m.onnx", b"x"), "formats", "failed", "another format: only safetensors"),
        (write("model.safetensors", WEIGHTS[:-1]), "weights", "failed", "is cut off"),
        (write("model.safetensors", b""), "weights", "failed", "cut off|too short"),
        (write("b.safetensors", WEIGHTS), "weights", "warning", "b.safetensors is not loaded"),
        (sharded, "weights", "ok", "2 tensors in 2 safetensors"),
        (lost_shard, "weights", "failed", "model-2.safetensors is missing"),
        (wrong_shard, "weights", "failed", "lacks 1 tensors of the index, b among them"),
        (extra_tensor, "weights", "warning", "that the index does not name: c"),
        (no_index, "weights", "failed", "neither model.safetensors nor"),
        (shard_elsewhere, "weights", "failed", "../../other.safetensors is missing"),
        (shard_of_another_kind, "weights", "failed", "names config.json, which is no safetensors"),
        (adapter, "weights", "failed", "an adapter without its model"),
        (config(dtype="bfloat16"), "dtype", "warning", "says bfloat16, the weights are float32"),
        (config(torch_dtype="torch.float32"), "dtype", "ok", "2 F32"),
        (write("config.json", "["), "config", "failed", "not a JSON object"),
        (write("config.json", "{}"), "config", "failed", "names no model_type"),
        (config(auto_map={"AutoModel": "x.Y"}), "config", "failed", "code of the checkpoint's own"),
        (config(trust_remote_code=True), "config", "failed", "code of the checkpoint's own"),
        (write("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["x.Y", null]}}'),
         "config", "failed", "tokenizer_config.json asks for code"),
    ],
)  # fmt: skip
def test_each_mistake_has_its_sentence(
    spoil: Callable[[Path], None], name: str, status: str, message: str, tmp_path: Path
) -> None:
    folder = plain(tmp_path / "model")
    spoil(folder)
    report = report_on(folder)
    assert worst(report, name) == status
    texts = " ".join(text for _, text in findings(report, name))
    assert any(part in texts for part in message.split("|"))
    assert report.refused == (status == "failed")
    assert all(one.fix for one in report.findings if str(one.status) in ("warning", "failed"))


@pytest.mark.parametrize(
    ("kinds", "changes", "status"),
    [
        (["F32", "BF16"], {}, "warning"),
        (["F64"], {}, "warning"),
        (["F32", "I64"], {}, "warning"),
        (["I8"], {}, "failed"),
        (["F8_E4M3", "F32"], {}, "failed"),
        (["F8_E4M3", "F32"], {"quantization_config": {"quant_method": "fp8"}}, "ok"),
        (["BF16"], {"dtype": "bfloat16"}, "ok"),
    ],
)
def test_kinds_of_numbers(
    kinds: list[str], changes: dict[str, Any], status: str, tmp_path: Path
) -> None:
    folder = plain(tmp_path / "model")
    sizes = {"F64": 8, "I64": 8, "F32": 4, "BF16": 2, "I8": 1, "F8_E4M3": 1}
    tensors = {kind: (kind, [1], bytes(sizes[kind])) for kind in kinds}
    (folder / "model.safetensors").write_bytes(safetensors(tensors))
    config(**changes)(folder)
    assert worst(report_on(folder), "dtype") == status


def test_nan_is_found_when_it_is_looked_for(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    spoilt = safetensors({"a": ("F32", [2], b"\x00\x00\xc0\x7f" + bytes(4))})
    (folder / "model.safetensors").write_bytes(spoilt)
    assert worst(report_on(folder), "finite") == "skipped"
    found = findings(report_on(folder, finite=True), "finite")
    assert found == [("failed", "model.safetensors: a has 1 NaN or infinite numbers")]


def test_a_nested_model_is_pointed_at(tmp_path: Path) -> None:
    archive = tar_gz(tmp_path / "m.tar.gz", [("model/config.json", b"{}"), ("model/a", b"")])
    assert "lies in model/" in findings(report_on(archive), "config")[0][1]


def test_very_many_findings_are_counted_and_not_listed(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    for number in range(120):
        write(f"{number}.pkl", b"")(folder)
    found = findings(report_on(folder), "formats")
    assert len(found) == 51
    assert found[-1] == ("failed", "70 more")


def test_strict_refuses_warnings(tmp_path: Path) -> None:
    folder = plain(tmp_path / "model")
    write("modeling_x.py", "x")(folder)
    assert not report_on(folder).refused
    assert report_on(folder, strict=True).refused


class TestManifest:
    def sealed(self, folder: Path) -> Path:
        _, content = check(FolderSource(plain(folder)))
        (folder / "manifest.json").write_bytes(content)
        return folder

    def test_the_same_files_make_the_same_manifest(self, tmp_path: Path) -> None:
        first = self.sealed(tmp_path / "one") / "manifest.json"
        second = self.sealed(tmp_path / "two") / "manifest.json"
        assert first.read_bytes() == second.read_bytes()
        assert "manifest.json" not in json.loads(first.read_bytes())["files"]

    def test_it_agrees_until_something_changes(self, tmp_path: Path) -> None:
        folder = self.sealed(tmp_path / "model")
        assert worst(report_on(folder, sealed=True), "manifest") == "ok"
        (folder / "README.md").write_text("---\nlicense: mit\n---\n")
        assert worst(report_on(folder, sealed=True), "manifest") == "failed"
        assert worst(report_on(folder), "manifest") == "warning"

    @pytest.mark.parametrize("content", ["{}", "", '{"files": {}}'])
    def test_one_that_cannot_be_read(self, content: str, tmp_path: Path) -> None:
        folder = plain(tmp_path / "model")
        (folder / "manifest.json").write_text(content)
        assert worst(report_on(folder, sealed=True), "manifest") == "failed"
