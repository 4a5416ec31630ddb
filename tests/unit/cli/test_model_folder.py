"""What may be wrong with a model folder, and the sentence that says so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.errors import CliError
from cli.model_folder import check_model_folder


def make_whole(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "model.safetensors").write_bytes(b"\x08" + b"\0" * 40)
    (folder / "tokenizer.json").write_text("{}")


def test_a_whole_folder_is_given_back_absolute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_whole(tmp_path)
    monkeypatch.chdir(tmp_path.parent)
    assert check_model_folder(Path(tmp_path.name)) == tmp_path


def test_a_folder_with_its_own_code_may_hold_anything(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "inference.py").write_text("def model_fn(model_dir): ...")
    assert check_model_folder(tmp_path) == tmp_path


def missing(folder: Path) -> Path:
    return folder / "nowhere"


def hub_name(folder: Path) -> Path:
    return Path("Qwen/Qwen3-0.6B")


def a_file(folder: Path) -> Path:
    return folder / "model.safetensors"


def no_config(folder: Path) -> None:
    (folder / "config.json").unlink()


def nested(folder: Path) -> None:
    (folder / "config.json").unlink()
    inner = folder / "snapshots" / "abc"
    inner.mkdir(parents=True)
    make_whole(inner)


def adapter(folder: Path) -> None:
    (folder / "config.json").rename(folder / "adapter_config.json")


def gguf(folder: Path) -> None:
    (folder / "config.json").rename(folder / "model.gguf")


def config_no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def config_of_something_else(folder: Path) -> None:
    (folder / "config.json").write_text('{"a": 1}')


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def no_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def lfs_pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")


def empty_weights(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"")


def missing_shard(folder: Path) -> None:
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))


def damaged_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("[]")


def no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (missing, "there is no model folder"),
        (hub_name, "models are not downloaded by name"),
        (a_file, "is a file; name the model folder"),
        (no_config, "it has no config.json"),
        (nested, "did you mean .*/snapshots/abc?"),
        (adapter, "an adapter without its base model"),
        (gguf, "it holds GGUF files"),
        (config_no_json, "cannot be read as JSON"),
        (config_of_something_else, "names no model_type"),
        (pickled, r"a pickle \(pytorch_model.bin\), which can run code and is refused"),
        (no_weights, r"has no \*.safetensors weights"),
        (lfs_pointer, "run: git lfs pull"),
        (empty_weights, "is empty; download it again"),
        (missing_shard, "model-2.safetensors is missing"),
        (damaged_index, "cannot be read"),
        (no_tokenizer, "has no tokenizer.json"),
    ],
)
def test_each_mistake_has_its_sentence(
    tmp_path: Path, spoil: Callable[[Path], Path | None], sentence: str
) -> None:
    make_whole(tmp_path)
    path = spoil(tmp_path) or tmp_path
    with pytest.raises(CliError) as caught:
        check_model_folder(path)
    assert re.search(sentence, str(caught.value))
    assert "\n" not in str(caught.value)
